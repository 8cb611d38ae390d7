#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"

#include <string>
#include <vector>

namespace agp::io {

/// Sockets by purpose. Any number of listening ones.
struct Listeners {
  std::vector<UniqueFd> intercept;  // redirected connections
  std::vector<UniqueFd> connect;    // HTTP CONNECT
  std::vector<UniqueFd> api;        // HTTP, TCP and Unix
  UniqueFd diagnosis;               // NETLINK_SOCK_DIAG, which we may not open ourselves
};

/// The sockets that systemd passed, told apart by LISTEN_FDNAMES (`intercept`, `api`, `diagnosis`)
/// alone: their order differs between activation and restart. Empty lists when none were passed.
/// @return an error for an unknown name, or a descriptor that is not a socket of its kind.
[[nodiscard]] Result<Listeners> listeners_from_systemd();

/// Binds and listens on "address:port" ("127.0.0.1:8741", "[::1]:8741").
/// @return an error that names the address; address_in_use when somebody else has it.
[[nodiscard]] Result<UniqueFd> listen_on(const std::string& address_and_port);

}  // namespace agp::io
