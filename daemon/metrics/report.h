#pragma once

#include "daemon/metrics/call_totals.h"
#include "daemon/metrics/semconv.h"
#include "daemon/metrics/sink.h"
#include "daemon/usage/record.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// The part of a gathering that tells what all users together have used.
namespace agp::metrics {

/// What is left of one quota, as last heard.
struct QuotaGauge {
  std::string pool;   // of models; empty: it is the quota of one model
  std::string model;  // empty: it is the quota of a pool
  std::string window;
  std::optional<double> remaining;
  std::optional<usage::Micros> resets_at;
};

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

  friend bool operator==(const Exports&, const Exports&) = default;
};

struct Report {
  Semconv semconv = Semconv::latest;
  std::optional<CallTotals::ByOrigin> totals;  // empty: the ledger has not answered yet
  CallTimes times;
  std::map<std::string, std::uint16_t> ports;  // of hosts that are not asked on 443
  std::vector<QuotaGauge> quota;
  std::optional<std::uint64_t> ledger_bytes;  // empty: not known
  std::optional<Exports> exports;             // empty: nothing is exported
};

void render_calls(Sink& sink, const Report& report);
void render_quota(Sink& sink, const std::vector<QuotaGauge>& quota);
/// Names of the GenAI conventions.
void render_gen_ai(Sink& sink, const Report& report);

}  // namespace agp::metrics
