#pragma once

#include "daemon/usage/pace.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace agp::metrics {

inline constexpr std::size_t kPaceBuckets = usage::kPaceBounds;
inline constexpr std::size_t kTokenBuckets = 14;
/// 1, 4, 16 and so on: those that the GenAI conventions advise for tokens.
[[nodiscard]] constexpr std::uint64_t token_bound(std::size_t index) {
  return std::uint64_t{1} << (2 * index);
}

/// Counts by upper bound; one more for what is above all bounds. `sum` is in the unit of what was
/// added: microseconds or tokens.
template <std::size_t bounds>
struct Histogram {
  std::array<std::uint64_t, bounds + 1> buckets{};
  std::uint64_t sum = 0;

  /// @param bound  of the n-th bucket.
  template <class Bound>
  void add(std::uint64_t value, Bound bound) {
    std::size_t bucket = 0;
    while (bucket < bounds && value > bound(bucket)) {
      ++bucket;
    }
    ++buckets[bucket];
    sum += value;
  }
  void add(const Histogram& other) {
    for (std::size_t i = 0; i < buckets.size(); ++i) {
      buckets[i] += other.buckets[i];
    }
    sum += other.sum;
  }
  [[nodiscard]] bool is_empty() const {
    return std::all_of(buckets.begin(), buckets.end(), [](auto count) { return count == 0; });
  }
};

}  // namespace agp::metrics
