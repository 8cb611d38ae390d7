#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>

/// Reading the kernel's texts.
namespace agp::ls {

/// @return the whole text as a number, nothing when any of it is none.
template <class T>
[[nodiscard]] std::optional<T> to_number(std::string_view text, int base = 10) {
  T value{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (ec != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

/// The n-th white-space separated word of a text, counted from 0; empty when there are fewer.
[[nodiscard]] inline std::string_view word(std::string_view text, std::size_t n) {
  for (;; --n) {
    const auto start = text.find_first_not_of(" \t");
    if (start == std::string_view::npos) {
      return {};
    }
    text.remove_prefix(start);
    const auto end = text.find_first_of(" \t\n");
    if (n == 0) {
      return text.substr(0, end);
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  }
}

}  // namespace agp::ls
