#pragma once

#include <cstddef>
#include <cstdint>

namespace agp::usage {

/// Nesting of a JSON text. Deeper ones are rejected; no recursion is involved either way.
inline constexpr std::size_t kMaxJsonDepth = 512;
/// Decoded string values that we keep; longer ones are cut.
inline constexpr std::size_t kMaxStringBytes = 1024;
/// Object keys; a longer key is cut and so equals none that we know.
inline constexpr std::size_t kMaxKeyBytes = 64;
inline constexpr std::size_t kMaxNumberBytes = 64;
inline constexpr std::size_t kMaxModelBytes = 256;
inline constexpr std::size_t kMaxIdBytes = 256;
inline constexpr std::size_t kMaxWordBytes = 64;  // error types, finish reasons, tiers
inline constexpr std::size_t kMaxPathBytes = 512;
inline constexpr std::size_t kMaxToolNames = 128;
inline constexpr std::size_t kMaxModalities = 16;
/// Counters and lists of numbers that a wire format's table may name; paths and their nesting.
inline constexpr std::size_t kMaxCounters = 32;
inline constexpr std::size_t kMaxLists = 4;
inline constexpr std::size_t kMaxFieldDepth = 16;
/// Iterations of one Anthropic message that are billed outside its own numbers.
inline constexpr std::size_t kMaxAdditionalUsage = 64;
/// Items of one response that are looked at for calls of built-in tools.
inline constexpr std::size_t kMaxServerToolCalls = 1024;
/// No provider counts more tokens in one call; larger numbers are mistakes.
inline constexpr std::uint64_t kMaxCount = 1'000'000'000'000;
/// Places where an event may differ from the one before it and still be like it, and the octets
/// between them.
inline constexpr std::size_t kMaxJsonHoles = 96;
inline constexpr std::size_t kMaxLikenessBytes = 8 * 1024;
/// White space before a body says what it is.
inline constexpr std::size_t kMaxPreludeBytes = 256;

}  // namespace agp::usage
