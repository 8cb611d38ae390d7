#include "daemon/usage/pace.h"

#include <algorithm>

namespace agp::usage {

void Pace::add(Micros now) {
  // The clock may be set back in between.
  const auto gap = std::max(now - last_chunk_at, std::chrono::microseconds(0));
  std::size_t bucket = 0;
  while (bucket < kPaceBounds && gap > pace_bound(bucket)) {
    ++bucket;
  }
  ++gaps[bucket];
  gap_sum += gap;
  last_chunk_at = now;
}

}  // namespace agp::usage
