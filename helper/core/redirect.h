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

struct RedirectSpec {
  uid_t language_server = 0;
  uid_t daemon = 0;
  PortRange language_server_ports;
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
