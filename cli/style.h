#pragma once

#include <algorithm>
#include <cstddef>

namespace agp::cli {

inline constexpr std::size_t kScreen = 80;  // columns of running text where there is room

/// How text for people looks.
struct Style {
  Style(bool with_color = false, std::size_t terminal_columns = 0)
      : color(with_color), columns(terminal_columns) {}

  bool color;
  std::size_t columns;  // of the terminal; 0: there is none, and nothing is cut

  [[nodiscard]] std::size_t prose() const {
    return columns == 0 ? kScreen : std::min(columns, kScreen);
  }
};

}  // namespace agp::cli
