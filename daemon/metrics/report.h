#pragma once

#include "daemon/metrics/call_totals.h"
#include "daemon/metrics/exports.h"
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
