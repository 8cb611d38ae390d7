#pragma once

#include "daemon/api/status.h"

#include <cstdint>
#include <string>
#include <vector>

namespace agp::daemon_bus {

/// What the properties of the object say: a few values of the status, which clients are told of
/// without asking.
struct StateProperties {
  std::string state;
  bool capture_active = false;
  std::string language_server_state;
  std::uint32_t problems = 0;  // how many
  std::int64_t ca_expiry = 0;  // microseconds since the epoch; 0: not known
  std::uint64_t policy_generation = 0;
};

[[nodiscard]] StateProperties properties_of(const api::StatusReport& report);

/// Names of the properties that have another value now.
[[nodiscard]] std::vector<std::string> changed_properties(const StateProperties& before,
                                                          const StateProperties& now);

}  // namespace agp::daemon_bus
