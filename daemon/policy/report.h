#pragma once

#include "daemon/policy/policy.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The policy as documents, the same from the daemon and from the command that reads the files.
namespace agp::policy {

/// What is known about the policy besides itself.
struct Loaded {
  std::optional<std::uint64_t> generation;  // of a running daemon
  std::optional<std::string> loaded_at;     // RFC 3339
  std::vector<std::string> locked;
  std::vector<std::string> warnings;
};

/// antigravity-proxy.policy.v1. Without the values of header fields and the texts of system
/// instructions: they may be secrets, and the files show them to those who may see them.
[[nodiscard]] std::string render_policy(const Policy& policy, const Loaded& loaded);

/// antigravity-proxy.policy-check.v1.
/// @param host    empty: a connection without a name.
/// @param method  with `path`, or both empty: the host alone.
[[nodiscard]] std::string render_check(const Policy& policy,
                                       std::string_view host,
                                       std::string_view method,
                                       std::string_view path);

/// What came of reading the files again.
struct ReloadOutcome {
  bool is_reloaded = false;
  std::uint64_t generation = 0;  // of the policy in effect
  std::vector<std::string> faults;
  std::vector<std::string> warnings;
  std::vector<std::string> takes_effect_at_restart;

  friend bool operator==(const ReloadOutcome&, const ReloadOutcome&) = default;
};

/// antigravity-proxy.policy-reload.v1.
[[nodiscard]] std::string render_reload(const ReloadOutcome& outcome);

}  // namespace agp::policy
