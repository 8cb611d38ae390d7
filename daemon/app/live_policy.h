#pragma once

#include "daemon/api/status.h"
#include "daemon/app/interception.h"
#include "daemon/app/policy_reload.h"
#include "daemon/app/readiness.h"
#include "daemon/config/config.h"
#include "daemon/io/policy_surroundings.h"

#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

namespace agp::app {

/// The policy of the running daemon: read again on SIGHUP, given to every worker, shown in status.
class LivePolicy {
 public:
  /// @param running       as for PolicyReload.
  /// @param files         where it came from.
  /// @param surroundings  of each worker, in their order; each belongs to its worker's thread, and
  ///                      the workers own them.
  LivePolicy(boost::asio::io_context* context,
             const daemon_config::Config* running,
             const daemon_config::Files& files,
             Interception* interception,
             std::vector<io::PolicySurroundings*> surroundings,
             const Readiness* readiness);

  /// Leaves of every worker are of this issuer from now on.
  void use_authority(const std::shared_ptr<const tls::Authority>& authority);

  /// Heeds SIGHUP from now on.
  void attend();

  [[nodiscard]] PolicyReload& files() { return files_; }
  [[nodiscard]] api::StatusReport::Policy status() const;

 private:
  [[nodiscard]] PolicyReload::Ports ports(const daemon_config::Files& files);
  void await_signal();

  Interception* interception_;
  std::vector<io::PolicySurroundings*> surroundings_;
  const Readiness* readiness_;
  PolicyReload files_;
  boost::asio::signal_set signal_;
};

}  // namespace agp::app
