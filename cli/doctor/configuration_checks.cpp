#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>
#include <string>

namespace agp::cli::doctor {
namespace {

Finding config_service(Facts& facts) {
  const auto& configuration = facts.configuration();
  if (!configuration.faults.empty()) {
    std::string seen;
    for (const auto& fault : configuration.faults) {
      add_to(seen, fault);
    }
    return wrong(seen,
                 "correct these lines; what is left shows: antigravity-proxy config check; "
                 "then: systemctl restart antigravity-proxy");
  }
  std::string warnings;
  for (const auto& warning : configuration.warnings) {
    add_to(warnings, warning);
  }
  return ok(warnings.empty() ? "proxy.yaml, policy.yaml and corp.yaml have no fault" : warnings);
}

Finding config_helper(Facts& facts) {
  const auto& fault = facts.configuration().helper_fault;
  return fault ? wrong(*fault,
                       "correct it; helper.yaml, its drop-ins and their directories must belong to "
                       "root and be writable by nobody else (chown root:root, chmod go-w); then: "
                       "systemctl restart antigravity-proxy-helper antigravity-proxy")
               : ok("helper.yaml has no fault, and only root can change it");
}

constexpr std::array kChecks{
    Check{"config.service", "configuration", "proxy.yaml, policy.yaml and corp.yaml are right",
          config_service},
    Check{"config.helper", "configuration", "helper.yaml is right and root's alone", config_helper},
};

}  // namespace

std::span<const Check> configuration_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
