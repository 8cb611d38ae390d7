#pragma once

#include "daemon/config/config.h"
#include "daemon/policy/report.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace agp::app {

/// The policy in effect and how it is replaced: whole, or not at all.
class PolicyReload {
 public:
  struct Ports {
    std::function<config::Checked<daemon_config::Config>()> load;
    /// Makes it the policy of new connections.
    std::function<void(std::shared_ptr<const policy::Policy>)> publish;
    std::function<std::string()> now;  // RFC 3339
  };

  /// @param running  the configuration that the daemon started with; outlives this object. The
  ///                 certificate authority signs for the hosts that its policy inspects.
  PolicyReload(const daemon_config::Config* running, Ports ports);

  /// Reads the files again. After any fault, and when the new policy inspects a host that the
  /// certificate authority cannot sign for, the old policy stays.
  policy::ReloadOutcome reload();

  [[nodiscard]] const std::shared_ptr<const policy::Policy>& policy() const { return policy_; }
  [[nodiscard]] const policy::Loaded& loaded() const { return loaded_; }
  /// Of the last reload; empty as soon as one succeeds.
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }
  /// Keys of proxy.yaml that the last reload found changed.
  [[nodiscard]] const std::vector<std::string>& waiting_for_restart() const { return waiting_; }

 private:
  [[nodiscard]] std::vector<std::string> beyond_authority(const policy::Policy& wanted) const;
  policy::ReloadOutcome outcome(bool is_reloaded) const;

  const daemon_config::Config* running_;
  Ports ports_;
  policy::Policy authority_scope_;  // inspects what the authority can sign for
  std::shared_ptr<const policy::Policy> policy_;
  policy::Loaded loaded_;
  std::vector<std::string> faults_;
  std::vector<std::string> waiting_;
};

}  // namespace agp::app
