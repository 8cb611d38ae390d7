#include "daemon/bus/state_properties.h"

namespace agp::daemon_bus {

StateProperties properties_of(const api::StatusReport& report) {
  StateProperties properties;
  properties.state = api::to_string(report.state);
  properties.capture_active = report.capture_active;
  properties.language_server_state = report.language_server.state;
  properties.problems = static_cast<std::uint32_t>(report.problems.size());
  if (report.ca_not_after) {
    properties.ca_expiry = report.ca_not_after->time_since_epoch().count();
  }
  if (report.policy) {
    properties.policy_generation = report.policy->generation;
  }
  return properties;
}

std::vector<std::string> changed_properties(const StateProperties& before,
                                            const StateProperties& now) {
  std::vector<std::string> names;
  const auto compare = [&names](const char* name, const auto& from, const auto& to) {
    if (from != to) {
      names.emplace_back(name);
    }
  };
  compare("State", before.state, now.state);
  compare("CaptureActive", before.capture_active, now.capture_active);
  compare("LanguageServerState", before.language_server_state, now.language_server_state);
  compare("Problems", before.problems, now.problems);
  compare("CaExpiry", before.ca_expiry, now.ca_expiry);
  compare("PolicyGeneration", before.policy_generation, now.policy_generation);
  return names;
}

}  // namespace agp::daemon_bus
