#pragma once

#include "common/base/result.h"
#include "helper/core/settings.h"

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

/// The redirect rules: desired x observed -> plan. Nothing here runs a command.
namespace agp::core {

enum class Family { ipv4, ipv6 };
enum class Table { filter, nat };

[[nodiscard]] const char* to_string(Family family);
[[nodiscard]] const char* to_string(Table table);

/// Every rule of ours carries it, and nothing else does.
constexpr std::string_view kRuleComment = "antigravity-proxy:v1";

/// Processes of one user below one cgroup, whose tcp/443 is redirected like the language server's.
/// The kernel resolves the name when the rule is loaded: one that does not exist fails the whole
/// table, and the rules of one that was removed never match again, even if the name comes back. So
/// every scope needs a name of its own, and leaves the list before its cgroup goes.
struct CapturedScope {
  uid_t user = 0;
  std::string cgroup;  // below the root of cgroup2, no leading slash

  friend bool operator==(const CapturedScope&, const CapturedScope&) = default;
};

/// Whether the name can be written into a rule: printable, clean, not longer than the kernel takes.
[[nodiscard]] bool is_cgroup_path(std::string_view path);

struct RedirectSpec {
  uid_t language_server = 0;
  uid_t daemon = 0;
  PortRange language_server_ports;
  Egress egress = Egress::metered;
  /// Only for strict: addresses besides loopback that may be asked on port 53.
  std::vector<std::string> resolvers;
  /// Each with an acceptable path.
  std::vector<CapturedScope> scopes;
};

/// What `iptables-save -t TABLE` showed, reduced to what is ours.
struct ObservedTable {
  std::vector<std::string> chains;  // of ours that exist
  std::vector<std::string> rules;   // inside our chains, "-A CHAIN ..." verbatim, in order
  std::vector<std::string> jumps;   // in other chains, into ours or with our comment, verbatim

  [[nodiscard]] bool is_empty() const { return chains.empty() && rules.empty() && jumps.empty(); }
};

/// Text that is not understood is no rule of ours.
[[nodiscard]] ObservedTable parse_save(std::string_view save_output);

/// True when the table is exactly as `ensure` would leave it.
[[nodiscard]] bool is_in_place(Family family,
                               Table table,
                               const RedirectSpec& spec,
                               const ObservedTable& observed);

/// Input of `iptables-restore --noflush` that takes the table from `observed` to the desired state
/// in one transaction; empty when there is nothing to do. Names only our chains and our jumps.
[[nodiscard]] std::string plan_ensure(Family family,
                                      Table table,
                                      const RedirectSpec& spec,
                                      const ObservedTable& observed);

/// The same towards "nothing of ours".
[[nodiscard]] std::string plan_remove(Table table, const ObservedTable& observed);

}  // namespace agp::core
