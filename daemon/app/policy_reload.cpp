#include "daemon/app/policy_reload.h"

#include "common/log/log.h"

#include <utility>

namespace agp::app {
namespace {

policy::Policy inspecting_only(const policy::Policy& policy) {
  policy::Parts parts;
  for (const auto& pattern : policy.inspected()) {
    parts.hosts.push_back({pattern, policy::Action::inspect, 0, policy::kBuiltIn});
  }
  return policy::Policy(std::move(parts));
}

}  // namespace

PolicyReload::PolicyReload(const daemon_config::Config* running, Ports ports)
    : running_(running),
      ports_(std::move(ports)),
      authority_scope_(inspecting_only(*running->policy)),
      policy_(running->policy) {
  loaded_ = {1, ports_.now(), running->locked, running->warnings};
  for (const auto& warning : loaded_.warnings) {
    log::warning("part of the policy ignored", {{"WARNING", warning}});
  }
}

std::vector<std::string> PolicyReload::beyond_authority(const policy::Policy& wanted) const {
  std::vector<std::string> faults;
  for (const auto& rule : wanted.parts().hosts) {
    if (rule.action == policy::Action::inspect && !authority_scope_.inspects_all_of(rule.match)) {
      faults.push_back(rule.where + ": " + rule.match.text() +
                       " is new to the list of inspected hosts, and the certificate authority "
                       "cannot sign for it; run: systemctl restart antigravity-proxy");
    }
  }
  return faults;
}

policy::ReloadOutcome PolicyReload::outcome(bool is_reloaded) const {
  return {is_reloaded, loaded_.generation.value_or(0), faults_, loaded_.warnings, waiting_};
}

policy::ReloadOutcome PolicyReload::reload() {
  const auto config = ports_.load();
  faults_.clear();
  if (!config) {
    for (const auto& fault : config.error().list) {
      faults_.push_back(fault.text());
    }
  } else {
    faults_ = beyond_authority(*config->policy);
  }
  if (!faults_.empty()) {
    for (const auto& fault : faults_) {
      log::err("policy not reloaded, the old one stays", {{"FAULT", fault}});
    }
    return outcome(false);
  }
  policy_ = config->policy;
  ports_.publish(policy_);
  waiting_ = daemon_config::changed_until_restart(*running_, *config);
  loaded_ = {*loaded_.generation + 1, ports_.now(), config->locked, config->warnings};
  log::notice("policy reloaded", {{"GENERATION", *loaded_.generation}});
  for (const auto& warning : loaded_.warnings) {
    log::warning("part of the policy ignored", {{"WARNING", warning}});
  }
  for (const auto& key : waiting_) {
    log::notice("change of proxy.yaml takes effect at restart", {{"KEY", key}});
  }
  return outcome(true);
}

}  // namespace agp::app
