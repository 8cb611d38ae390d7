#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>

namespace agp::cli::doctor {
namespace {

// What the service says about it.
Finding wrong_with_problem(Facts& facts, const std::string& seen) {
  for (const char* code : {"ledger_failing", "records_unprotected", "records_lost"}) {
    if (const auto* problem = facts.problem(code)) {
      return wrong(seen + ": " + text_of(*problem, "message"), text_of(*problem, "remedy"));
    }
  }
  return wrong(seen, "see service.problems for the remedy");
}

Finding ledger_healthy(Facts& facts) {
  const auto* ledger = facts.status_part("ledger");
  if (ledger == nullptr) {
    return no_status();
  }
  const auto lost = number_of(*ledger, "lost").value_or(0);
  const auto seen = text_of(*ledger, "health") + ", " + number_text(*ledger, "records") +
                    " records, " + grouped(lost) + " lost";
  return text_of(*ledger, "health") == "ok" && lost == 0 ? ok(seen)
                                                         : wrong_with_problem(facts, seen);
}

constexpr std::array kChecks{
    Check{"ledger.healthy", "ledger", "records reach the disk, and none was lost", ledger_healthy},
};

}  // namespace

std::span<const Check> ledger_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
