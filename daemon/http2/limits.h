#pragma once

#include <cstddef>
#include <cstdint>

/// Reaching a limit has one of three outcomes, named with it:
///   cut         the head is reported with the fields that fitted; the stream goes on
///   not followed  that stream is reported as lost; the connection goes on
///   unparsed    the connection is not read any more; every followed stream is reported as lost
namespace agp::http2 {

/// Dynamic table of one direction. Browsers announce 64 KiB, most others 4 KiB. An announcement
/// above this costs nothing until an encoder makes use of it: unparsed.
inline constexpr std::size_t kMaxTableBytes = 256 * 1024;
/// Decoded field list (names, values, 32 octets per field as in RFC 9113 section 6.5.2): cut.
inline constexpr std::size_t kMaxHeaderListBytes = 256 * 1024;
inline constexpr std::size_t kMaxFields = 1000;  // cut
/// Coded octets of one field block, and its CONTINUATION frames: unparsed.
inline constexpr std::size_t kMaxBlockBytes = 1024 * 1024;
inline constexpr std::size_t kMaxContinuations = 256;
/// Streams that are open at once. Servers allow 100 to 1000: unparsed.
inline constexpr std::size_t kMaxOpenStreams = 4096;
/// Streams of them that are followed: not followed.
inline constexpr std::size_t kMaxFollowedStreams = 1024;
/// SETTINGS that change the table size and that nobody has acknowledged yet: unparsed.
inline constexpr std::size_t kMaxPendingTableSizes = 64;
/// GOAWAY frames of upstream that each refuse more streams than the one before: unparsed.
inline constexpr std::size_t kMaxGoaways = 16;
/// What a receiver allows before it says otherwise, RFC 9113 section 6.5.2. A longer frame:
/// unparsed.
inline constexpr std::uint32_t kDefaultMaxFrameSize = 16384;
/// Scratch memory that a direction keeps between field blocks.
inline constexpr std::size_t kKeptScratchBytes = 4096;

}  // namespace agp::http2
