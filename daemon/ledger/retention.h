#pragma once

#include "common/base/result.h"
#include "daemon/ledger/sqlite.h"
#include "daemon/usage/record.h"

#include <chrono>
#include <cstdint>
#include <optional>

/// Old records become sums: their rows go, the sums that were kept along with them stay. Then sums
/// of quarter-hours become sums of days. Totals never change. docs/adr/0017-roll-ups.md.
namespace agp::ledger {

struct Retention {
  std::chrono::days raw{90};               // records and samples older than this are deleted
  std::chrono::days quarters{400};         // sums older than this are added up by UTC day
  std::optional<std::uint64_t> max_bytes;  // of the file; the oldest records go before it is full
};

struct AgeingStep {
  std::uint64_t aged = 0;     // records deleted by their age
  std::uint64_t evicted = 0;  // records deleted to make room
  bool has_more = false;      // call again soon
};

enum class Pressure {
  normal,
  full,  // a write has just failed for want of space
};

/// Does a small part of what is due, in one transaction of at most some thousand rows, so that
/// a writer that calls this between its batches never waits long. No transaction may be open.
[[nodiscard]] Result<AgeingStep> age_one_step(sqlite::Database& database,
                                              const Retention& retention,
                                              usage::Micros now,
                                              Pressure pressure = Pressure::normal);

}  // namespace agp::ledger
