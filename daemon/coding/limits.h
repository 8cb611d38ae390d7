#pragma once

#include <cstddef>
#include <cstdint>

namespace agp::coding {

/// Codings stacked on one body.
inline constexpr std::size_t kMaxStages = 4;
/// Decoded octets of one body. Decoding is cheap in memory; this bounds the time of a bomb.
inline constexpr std::uint64_t kMaxDecodedBytes = std::uint64_t{4} << 30;
/// Decoded octets per coded octet, once kRatioGrace has come out. Real streams stay below 50.
inline constexpr std::uint64_t kMaxRatio = 250;
inline constexpr std::uint64_t kRatioGrace = 8 * 1024 * 1024;
/// What br and zstd may take for their windows, all codings of one body together. The largest
/// window of br (16 MiB) or of zstd as RFC 9659 allows it (8 MiB) fits, two of br do not.
inline constexpr std::size_t kMaxMemoryBytes = 24 * 1024 * 1024;
inline constexpr int kMaxZstdWindowLog = 23;
/// Output is handed on in pieces of this size.
inline constexpr std::size_t kPieceBytes = 32 * 1024;

}  // namespace agp::coding
