#pragma once

#include "daemon/usage/record.h"

#include <cstdint>
#include <optional>

namespace agp::metrics {

/// What became of requests to a receiver of metrics; counters of this process.
struct Exports {
  std::uint64_t accepted = 0;
  std::uint64_t failed = 0;  // attempts, repeated ones too
  // Given up, by reason:
  std::uint64_t refused = 0;          // by the receiver, for good
  std::uint64_t no_room = 0;          // the oldest ones, for newer ones
  std::uint64_t unwritable = 0;       // the disk did not take it
  std::uint64_t unreadable = 0;       // what lay in the queue was no request
  std::uint64_t rejected_points = 0;  // of accepted requests
  // Not sent yet:
  std::uint64_t waiting = 0;
  std::uint64_t waiting_bytes = 0;
  std::uint64_t limit_bytes = 0;  // most of these

  std::optional<usage::Micros> accepted_at;           // the last one; empty: none yet
  std::optional<usage::Micros> oldest_waiting_since;  // empty: none waits

  friend bool operator==(const Exports&, const Exports&) = default;
};

}  // namespace agp::metrics
