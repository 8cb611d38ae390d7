#pragma once

#include <cstddef>
#include <cstdint>

namespace agp::rewrite {

/// The start line of a message; beyond it a request is answered 414.
inline constexpr std::size_t kMaxStartLineBytes = 8 * 1024;
/// One field line, all of them together, and their number; beyond it a request is answered 431.
inline constexpr std::size_t kMaxFieldLineBytes = 16 * 1024;
inline constexpr std::size_t kMaxFieldBytes = 64 * 1024;
inline constexpr std::size_t kMaxFields = 100;
/// Trailer fields of one message, together.
inline constexpr std::size_t kMaxTrailerBytes = 16 * 1024;
/// A chunk-size line with its extensions.
inline constexpr std::size_t kMaxChunkLineBytes = 4 * 1024;
/// Digits of a chunk size: 60 bits, so that no sum overflows.
inline constexpr std::size_t kMaxChunkDigits = 15;
/// Digits of a Content-Length.
inline constexpr std::size_t kMaxLengthDigits = 18;
/// Interim (1xx) responses to one request.
inline constexpr unsigned kMaxInterim = 32;

/// Methods, and targets, that the fields of one request name; with more it is forbidden.
inline constexpr std::size_t kMaxOverrides = 8;

/// Output waiting for a peer above which the other one is not read from.
inline constexpr std::size_t kHighWater = 256 * 1024;
/// Octets of pipelined requests that wait for their turn, above which the client is not read from.
inline constexpr std::size_t kMaxParked = 64 * 1024;
/// The body of a refused request that is read away so that the connection stays usable.
inline constexpr std::uint64_t kMaxDrain = 1024 * 1024;
/// A request body that is held because a rule edits it, and all of them of one connection.
inline constexpr std::size_t kMaxEditedBody = 32 * 1024 * 1024;
inline constexpr std::size_t kMaxEditedTotal = 64 * 1024 * 1024;
/// Nesting of a JSON body that a rule edits.
inline constexpr std::size_t kMaxJsonDepth = 256;

/// HTTP/2: what one stream may hold in one direction, streams of one connection, and what all
/// streams together may hold in one direction before the connection's window stops growing.
inline constexpr std::size_t kStreamWindow = 256 * 1024;
inline constexpr std::uint32_t kMaxStreams = 100;
inline constexpr std::size_t kMaxHeld = 8 * 1024 * 1024;
inline constexpr std::size_t kConnectionWindow = 1024 * 1024;
/// CONTINUATION frames of one header block. 64 KiB of fields need four. nghttp2 has a limit of its
/// own, 8, and calls what is above it a protocol error.
inline constexpr unsigned kMaxContinuations = 7;
/// Streams that a peer may reset without an answer having started. Answers and time give back.
inline constexpr unsigned kResetBudget = 500;
inline constexpr unsigned kResetRefund = 5;
inline constexpr unsigned kResetsEachSecond = 1;
/// Frames that carry nothing (PING, SETTINGS, PRIORITY, DATA without octets, unknown). Messages and
/// time give back.
inline constexpr unsigned kIdleFrameBudget = 10'000;
inline constexpr unsigned kIdleFrameRefund = 10;
inline constexpr unsigned kIdleFramesEachSecond = 10;
/// Acknowledgements that wait because the peer does not read.
inline constexpr std::size_t kMaxPendingAcks = 1000;
/// Entries of one SETTINGS frame.
inline constexpr std::size_t kMaxSettings = 32;

}  // namespace agp::rewrite
