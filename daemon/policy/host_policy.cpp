#include "daemon/policy/host_policy.h"

#include <algorithm>
#include <cassert>
#include <tuple>
#include <utility>

namespace agp::policy {

HostPolicy::HostPolicy(std::vector<Rule> rules, Action fallback)
    : rules_(std::move(rules)), fallback_(fallback) {
  assert(fallback != Action::inspect);
}

Action HostPolicy::action_for(std::optional<std::string_view> server_name) const {
  const auto host = server_name ? config::normal_host_name(*server_name) : std::nullopt;
  if (!host) {
    return fallback_;
  }
  const auto specificity = [](const Rule& rule) {
    return std::make_tuple(rule.match.is_exact(), rule.match.literal_size());
  };
  const Rule* best = nullptr;
  for (const auto& rule : rules_) {
    if (rule.match.matches(*host) && (!best || specificity(rule) >= specificity(*best))) {
      best = &rule;
    }
  }
  return best ? best->action : fallback_;
}

std::vector<config::HostPattern> HostPolicy::inspected() const {
  std::vector<config::HostPattern> patterns;
  for (const auto& rule : rules_) {
    if (rule.action == Action::inspect) {
      patterns.push_back(rule.match);
    }
  }
  return patterns;
}

}  // namespace agp::policy
