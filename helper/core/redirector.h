#pragma once

#include "helper/core/ports.h"
#include "helper/core/redirect.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace agp::core {

/// Who holds the rules, and why it is him.
struct FirewallChoice {
  FirewallBackend backend = FirewallBackend::iptables;  // never automatic
  std::string reason;
};

/// What is missing of the rules that were in place before.
struct Loss {
  std::vector<std::string> lost;  // "IPv4 nat", ..., "table of nftables"
  bool had_filter = true;         // nothing of the filter is missing
};

/// The rules, whoever holds them: iptables of either kind, or the owner table. Only one holds them
/// at a time; what another one still holds is removed first.
class Redirector {
 public:
  struct Holders {
    Firewall* iptables = nullptr;
    Firewall* other_iptables = nullptr;  // of the other kind than the system's; may be null
    OwnerTable* table = nullptr;         // may be null
  };
  /// By what a loss is measured: that something else is wanted now is none.
  struct Before {
    const RedirectSpec* in_place = nullptr;  // null: nothing was
    Loss* loss = nullptr;                    // added to; null: not asked for
  };
  using StopServers = std::function<Result<>()>;

  explicit Redirector(Holders holders) : holders_(holders) {}

  [[nodiscard]] FirewallChoice choose(FirewallBackend wanted);
  /// @param stop_servers called before any moment without rules.
  /// @return whether something was changed.
  [[nodiscard]] Result<bool> ensure(FirewallBackend wanted,
                                    const RedirectSpec& spec,
                                    Before before,
                                    const StopServers& stop_servers);
  /// From all holders. Goes on after a failure and reports the first.
  [[nodiscard]] Result<bool> remove();
  /// Compares with the kernel. @return Errc::not_protected when something differs.
  [[nodiscard]] Result<> verify(FirewallBackend wanted, const RedirectSpec& spec);
  /// Word of the status. @param spec null: not known what ought to be there.
  [[nodiscard]] std::string state(FirewallBackend wanted, Family family, const RedirectSpec* spec);
  /// Whether anybody holds anything of ours.
  [[nodiscard]] bool has_rules();
  /// Whether the rules go when this process goes.
  [[nodiscard]] bool holds_by_process();

 private:
  [[nodiscard]] std::vector<Family> families();
  [[nodiscard]] Result<bool> clear_others(FirewallBackend chosen, const StopServers& stop_servers);
  [[nodiscard]] Result<> note_loss(Before before);
  [[nodiscard]] Result<bool> ensure_table(const RedirectSpec& spec, Before before);

  Holders holders_;
  // What the kernel of this machine can do does not change while the process lives. A cache.
  std::optional<Result<>> kernel_;
};

}  // namespace agp::core
