#pragma once

#include <cstddef>
#include <cstdint>

namespace agp::websocket {

/// Decoded octets of one compressed message, and decoded octets per coded octet once kRatioGrace
/// has come out. Past them the message is dropped; when later messages of that side build on its
/// window (context takeover), the connection is unparsed.
inline constexpr std::uint64_t kMaxDecodedBytes = std::uint64_t{256} << 20;
inline constexpr std::uint64_t kMaxRatio = 250;
inline constexpr std::uint64_t kRatioGrace = 8 * 1024 * 1024;
/// Payload of a control frame, RFC 6455 section 5.5: more is unparsed.
inline constexpr std::uint64_t kMaxControlBytes = 125;
/// Extension offers and parameters in one header value: more is not understood.
inline constexpr std::size_t kMaxParameters = 16;
/// Unmasking and inflating work in pieces of this size.
inline constexpr std::size_t kPieceBytes = 16 * 1024;

}  // namespace agp::websocket
