#pragma once

#include <cstddef>

namespace agp::http1 {

/// One message head (start line and fields). Servers stop at 8 to 64 KiB.
inline constexpr std::size_t kMaxHeadBytes = 64 * 1024;
inline constexpr std::size_t kMaxFields = 256;
/// One chunk-size line with its extensions, or one trailer line.
inline constexpr std::size_t kMaxLineBytes = 8 * 1024;
inline constexpr std::size_t kMaxTrailerBytes = 64 * 1024;
/// Requests sent before the first of them is answered.
inline constexpr std::size_t kMaxPipelined = 64;

}  // namespace agp::http1
