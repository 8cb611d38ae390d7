#pragma once

#include <cstddef>

namespace agp::cli {

/// Columns of the terminal behind `fd`; 0 when there is no terminal.
/// @param set  COLUMNS of the environment, which goes first; null: not set.
[[nodiscard]] std::size_t columns_of(int fd, const char* set);

}  // namespace agp::cli
