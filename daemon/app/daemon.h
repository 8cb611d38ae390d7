#pragma once

#include "common/base/result.h"
#include "daemon/config/config.h"

#include <string>

namespace agp::app {

struct Options {
  std::string state_dir = "/var/lib/antigravity-proxy";
  std::string finder_socket;   // of antigravity-proxy-finder; empty: look by ourselves
  daemon_config::Files files;  // where `config` came from, for a reload of the policy
};

/// Builds the daemon from `config` and runs it until SIGTERM or SIGINT. Under systemd it takes the
/// sockets that were passed and uses bus and helper; without, it listens on `listen.*` and does
/// neither.
/// @return why it could not start; a daemon that runs and then stops is a success.
[[nodiscard]] Result<> run(const daemon_config::Config& config, const Options& options);

}  // namespace agp::app
