#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>
#include <string>
#include <variant>

#include <boost/json/object.hpp>

namespace agp::cli::doctor {
namespace {

namespace json = boost::json;

Finding service_reachable(Facts& facts) {
  const auto& status = facts.status();
  if (const auto* failure = std::get_if<Failure>(&status)) {
    return wrong(failure->message, failure->hint);
  }
  return ok("version " + text_of(std::get<json::object>(status), "version"));
}

Finding service_problems(Facts& facts) {
  const auto* status = std::get_if<json::object>(&facts.status());
  if (status == nullptr) {
    return no_status();
  }
  std::string seen;
  std::string remedy;
  for (const auto& each : array_in(*status, "problems")) {
    if (const auto* problem = each.if_object()) {
      seen += (seen.empty() ? "" : "; ") + text_of(*problem, "message");
      remedy += (remedy.empty() ? "" : "; ") + text_of(*problem, "remedy");
    }
  }
  const auto state = text_of(*status, "state");
  if (state == "degraded") {
    return wrong(seen, remedy);
  }
  // What it only waits for is no fault.
  return {Finding::State::ok, seen.empty() ? "state " + state : state + ": " + seen, remedy};
}

constexpr std::array kChecks{
    Check{"service.reachable", "service", "the service answers on the bus", service_reachable},
    Check{"service.problems", "service", "the service reports no problem", service_problems},
};

}  // namespace

std::span<const Check> service_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
