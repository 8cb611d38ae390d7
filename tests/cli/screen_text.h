#pragma once

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <string>

namespace agp::cli {

/// Columns of the longest line of a text.
inline std::size_t widest(const std::string& text) {
  std::istringstream lines(text);
  std::size_t out = 0;
  for (std::string line; std::getline(lines, line);) {
    out = std::max(out, static_cast<std::size_t>(std::count_if(
                            line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; })));
  }
  return out;
}

}  // namespace agp::cli
