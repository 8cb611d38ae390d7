#pragma once

#include <cstddef>

namespace agp::relay {

/// A client that begins with a longer word than this speaks no HTTP.
inline constexpr std::size_t kMaxMethodBytes = 32;
/// Octets of upstream that wait while the client's protocol is not known: a server that talks
/// first, and that much, speaks no protocol of ours.
inline constexpr std::size_t kMaxHeldBytes = 16 * 1024;

}  // namespace agp::relay
