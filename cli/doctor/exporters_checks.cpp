#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"
#include "daemon/api/rfc3339.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include <boost/json/object.hpp>

namespace agp::cli::doctor {
namespace {

namespace json = boost::json;

// What the service says about it; null: no problem.
const json::object* export_problem(Facts& facts) {
  for (const char* code : {"metrics_not_exported", "metrics_not_kept"}) {
    if (const auto* problem = facts.problem(code)) {
      return problem;
    }
  }
  return nullptr;
}

std::string age_text(std::int64_t now, const std::string& since) {
  const auto at = api::parse_rfc3339(since);
  if (!at) {
    return {};
  }
  const auto age = std::chrono::seconds(now) - at->time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(age).count();
  return ", the oldest for " +
         grouped(static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0))) + " s";
}

std::string waiting_text(Facts& facts, const json::object& metrics_export) {
  if (number_of(metrics_export, "waiting").value_or(0) == 0) {
    return "nothing waits";
  }
  return number_text(metrics_export, "waiting") + " requests wait (" +
         number_text(metrics_export, "waiting_bytes") + " of " +
         number_text(metrics_export, "max_waiting_bytes") + " octets)" +
         age_text(facts.machine().now, text_of(metrics_export, "oldest_waiting_at"));
}

// By reason; empty: none was.
std::string dropped_text(const json::object& metrics_export) {
  const auto* dropped = object_in(metrics_export, "dropped");
  std::string out;
  if (dropped != nullptr) {
    for (const auto& [reason, count] : *dropped) {
      if (number_of(*dropped, reason).value_or(0) != 0) {
        out +=
            (out.empty() ? "" : ", ") + number_text(*dropped, reason) + " " + std::string(reason);
      }
    }
  }
  return out;
}

Finding exporters_otlp(Facts& facts) {
  if (std::holds_alternative<Failure>(facts.status())) {
    return no_status();
  }
  const auto* metrics_export = facts.status_part("metrics_export");
  if (metrics_export == nullptr) {
    return not_applicable("telemetry.otlp.endpoint is not set");
  }
  const auto* problem = export_problem(facts);
  auto seen = text_of(*metrics_export, "receiver");
  if (problem != nullptr) {
    add_to(seen, text_of(*problem, "message"));
  } else if (const auto error = text_of(*metrics_export, "last_error"); error != kUnknown) {
    add_to(seen, "the last attempt failed: " + error);
  } else if (const auto at = text_of(*metrics_export, "last_sent_at"); at != kUnknown) {
    add_to(seen, "last sent at " + at);
  }
  add_to(seen, waiting_text(facts, *metrics_export));
  if (const auto dropped = dropped_text(*metrics_export); !dropped.empty()) {
    add_to(seen, "given up since the start: " + dropped);
  }
  return problem == nullptr ? ok(seen) : wrong(seen, text_of(*problem, "remedy"));
}

constexpr std::array kChecks{
    Check{"exporters.otlp", "exporters", "metrics reach the receiver that is configured",
          exporters_otlp},
};

}  // namespace

std::span<const Check> exporters_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
