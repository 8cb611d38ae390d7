#include "daemon/app/live_policy.h"

#include "daemon/api/times.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include <signal.h>

namespace agp::app {

LivePolicy::LivePolicy(boost::asio::io_context* context,
                       const daemon_config::Config* running,
                       const daemon_config::Files& files,
                       Interception* interception,
                       std::vector<io::PolicySurroundings*> surroundings,
                       const Readiness* readiness)
    : interception_(interception),
      surroundings_(std::move(surroundings)),
      readiness_(readiness),
      files_(running, ports(files)),
      signal_(*context) {}

PolicyReload::Ports LivePolicy::ports(const daemon_config::Files& files) {
  PolicyReload::Ports ports;
  ports.load = [files] {
    return daemon_config::load(files);
  };
  ports.publish = [this](const std::shared_ptr<const policy::Policy>& policy) {
    for (std::size_t i = 0; i < surroundings_.size(); ++i) {
      interception_->post_to(i,
                             [each = surroundings_[i], policy] { each->replace_policy(policy); });
    }
  };
  ports.now = [] {
    return api::to_rfc3339(
        std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()));
  };
  return ports;
}

void LivePolicy::use_authority(const std::shared_ptr<const tls::Authority>& authority) {
  for (std::size_t i = 0; i < surroundings_.size(); ++i) {
    interception_->post_to(
        i, [each = surroundings_[i], authority] { each->replace_authority(authority); });
  }
}

void LivePolicy::attend() {
  signal_.add(SIGHUP);
  await_signal();
}

void LivePolicy::await_signal() {
  signal_.async_wait([this](boost::system::error_code ec, int /*number*/) {
    if (ec) {
      return;
    }
    if (readiness_->is_running()) {
      Readiness::tell_reloading();
      (void)files_.reload();  // how it went is in the journal and in status
      Readiness::tell_reloaded();
    } else {
      (void)files_.reload();  // the manager waits for the start itself
    }
    await_signal();
  });
}

api::StatusReport::Policy LivePolicy::status() const {
  api::StatusReport::Policy status;
  status.generation = files_.loaded().generation.value_or(0);
  status.loaded_at = files_.loaded().loaded_at.value_or("");
  status.faults = files_.faults();
  status.warnings = files_.loaded().warnings;
  status.waiting_for_restart = files_.waiting_for_restart();
  for (const auto& entry : files_.policy()->parts().http) {
    if (entry.needs_rewriting()) {
      status.rewritten.push_back(entry.match.text());
    }
    if (entry.edits.has_request_rules()) {
      status.request_rules.push_back(entry.match.text());
    }
  }
  return status;
}

}  // namespace agp::app
