#include "cli/doctor.h"
#include "cli/doctor/layers.h"

#include <vector>

namespace agp::cli {

std::span<const Check> doctor_checks() {
  static const auto kChecks = [] {
    std::vector<Check> all;
    for (const auto layer :
         {doctor::machine_checks(), doctor::configuration_checks(), doctor::units_checks(),
          doctor::service_checks(), doctor::sockets_checks(), doctor::network_checks(),
          doctor::trust_checks(), doctor::capture_checks(), doctor::ledger_checks(),
          doctor::exporters_checks(), doctor::policy_checks(), doctor::language_server_checks(),
          doctor::calls_checks(), doctor::ide_checks()}) {
      all.insert(all.end(), layer.begin(), layer.end());
    }
    return all;
  }();
  return kChecks;
}

}  // namespace agp::cli
