#pragma once

#include "common/config/values.h"

#include <optional>
#include <string_view>
#include <vector>

namespace agp::policy {

/// What happens to a connection once its ClientHello was read.
enum class Action {
  inspect,  // end TLS here and read a copy
  tunnel,   // pass the octets on, TLS untouched
  block,    // close
};

struct Rule {
  config::HostPattern match;
  Action action = Action::tunnel;

  friend bool operator==(const Rule&, const Rule&) = default;
};

/// Decides by host name. Immutable.
///
/// Of the rules that match, the most specific one decides: an exact name before any pattern, then
/// the pattern with more literal characters, then the rule that comes later in the list.
class HostPolicy {
 public:
  /// @param fallback  for names no rule matches and for connections without a name. Never
  ///                  `inspect` (assert): a certificate is minted for listed names only.
  explicit HostPolicy(std::vector<Rule> rules = {}, Action fallback = Action::tunnel);

  /// @param server_name  as the client sent it: any case, a trailing dot is ignored. Without one,
  ///                     or with an IP address or nonsense in it, the fallback applies.
  [[nodiscard]] Action action_for(std::optional<std::string_view> server_name) const;

  /// The patterns whose rule says `inspect`: what the certificate authority is constrained to.
  [[nodiscard]] std::vector<config::HostPattern> inspected() const;

  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_; }
  [[nodiscard]] Action fallback() const { return fallback_; }

 private:
  std::vector<Rule> rules_;
  Action fallback_;
};

}  // namespace agp::policy
