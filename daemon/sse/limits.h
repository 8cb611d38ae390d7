#pragma once

#include <cstddef>

namespace agp::sse {

/// Data of one event, and one line. Images and audio come as base64 in one event.
inline constexpr std::size_t kMaxEventBytes = 32 * 1024 * 1024;
/// Lines of one block that are no SSE, kept because they may be a raw JSON error.
inline constexpr std::size_t kMaxOrphanBytes = 64 * 1024;
/// An event type that is longer is cut: no provider has one.
inline constexpr std::size_t kMaxTypeBytes = 256;

}  // namespace agp::sse
