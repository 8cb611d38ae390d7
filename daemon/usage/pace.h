#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

/// When the parts of a streamed answer came.
namespace agp::usage {

/// UTC, microseconds since the Unix epoch.
using Micros = std::chrono::sys_time<std::chrono::microseconds>;

/// Upper bounds of the buckets into which times between two chunks are sorted; longer ones are in
/// one more. Those that the GenAI conventions advise: 10 ms, doubled up to 81.92 s.
inline constexpr std::size_t kPaceBounds = 14;
[[nodiscard]] constexpr std::chrono::microseconds pace_bound(std::size_t index) {
  return std::chrono::milliseconds(10) * (1U << index);
}

/// Of one answer. A chunk is one event of an event stream, one element of a streamed JSON array or
/// one message of a WebSocket, as long as it is a whole JSON object.
struct Pace {
  Micros first_chunk_at{};
  Micros last_chunk_at{};
  std::array<std::uint32_t, kPaceBounds + 1> gaps{};  // by bucket; one less than chunks in all
  std::chrono::microseconds gap_sum{};

  /// One more chunk, after the first.
  void add(Micros now);
  friend bool operator==(const Pace&, const Pace&) = default;
};

}  // namespace agp::usage
