#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "daemon/api/status.h"
#include "daemon/config/config.h"
#include "daemon/io/listen_fds.h"

#include <vector>

namespace agp::app {

/// Every listening socket of the process: those that systemd passed, or those of `listen.*`, and
/// the ports of `capture.*`.
struct Listening {
  bool is_service = false;  // systemd passed the sockets
  io::Listeners listeners;
  std::vector<UniqueFd> reverse;  // in the order of capture.reverse
  api::Sockets names;             // as `status` shows them
};

/// @return an error that names the address that cannot be had, or says that there is none at all.
[[nodiscard]] Result<Listening> open_listening(const daemon_config::Config& config);

}  // namespace agp::app
