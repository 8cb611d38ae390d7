#pragma once

#include "cli/doctor/bounded_child.h"
#include "cli/doctor/sources.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// Tries a way to a host: resolve, connect, TLS. No request is sent, and no certificate is refused
/// on the wire: nothing is recorded or counted because of it.
namespace agp::cli::doctor {

struct ReachPlan {
  std::string host;
  std::uint16_t port = 443;
  /// PEM files that are trusted, and nothing else; empty: TCP alone is tried.
  std::vector<std::string> trusted_files;
  bool tries_quic = false;  // a datagram to the same port
  std::optional<ChildAccount> account;
};

/// The first address of each family, both at once.
[[nodiscard]] Reaches try_to_reach(const ReachPlan& plan);

}  // namespace agp::cli::doctor
