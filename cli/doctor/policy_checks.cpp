#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>

#include <boost/json/array.hpp>

namespace agp::cli::doctor {
namespace {

namespace json = boost::json;

std::string joined(const json::array& values) {
  std::string out;
  for (const auto& value : values) {
    add_to(out, key_text(value));
  }
  return out;
}

Finding policy_loaded(Facts& facts) {
  const auto* policy = facts.status_part("policy");
  if (policy == nullptr) {
    return no_status();
  }
  const auto& faults = array_in(*policy, "faults");
  return faults.empty()
             ? ok("generation " + number_text(*policy, "generation"))
             : wrong(joined(faults), "correct it, then: antigravity-proxy policy reload");
}

constexpr std::array kChecks{
    Check{"policy.loaded", "policy", "the policy in the files is in effect", policy_loaded},
};

}  // namespace

std::span<const Check> policy_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
