#include "helper/core/redirector.h"

#include "helper/core/errc.h"
#include "helper/core/iptables_rules.h"

namespace agp::core {
namespace {

bool is_in_place(TableState state) {
  return state == TableState::ours || state == TableState::outlived;
}

}  // namespace

FirewallChoice Redirector::choose(FirewallBackend wanted) {
  if (wanted != FirewallBackend::automatic) {
    return {wanted, "firewall.backend in helper.yaml"};
  }
  if (holders_.table == nullptr) {
    return {FirewallBackend::iptables, "this helper was made without nf_tables"};
  }
  if (!kernel_ && !holders_.table->holds()) {
    kernel_ = holders_.table->check_kernel();
  }
  if (!kernel_ || *kernel_) {
    return {FirewallBackend::nftables, "the kernel removes the rules with their owner"};
  }
  return {FirewallBackend::iptables, kernel_->error().context};
}

std::vector<Family> Redirector::families() {
  return iptables::families(holders_.iptables);
}

Result<bool> Redirector::clear_others(FirewallBackend chosen, const StopServers& stop_servers) {
  const bool is_table = chosen == FirewallBackend::nftables;
  std::vector<std::function<Result<bool>()>> removals;
  for (auto* firewall : {holders_.iptables, holders_.other_iptables}) {
    const bool is_chosen = !is_table && firewall == holders_.iptables;
    if (firewall != nullptr && !is_chosen && iptables::is_used(firewall)) {
      removals.emplace_back([firewall] { return iptables::remove(firewall); });
    }
  }
  if (!is_table && holders_.table != nullptr) {
    auto seen = holders_.table->compare({});
    // A kernel that cannot be asked has no table.
    if (seen && *seen != TableState::absent) {
      removals.emplace_back([table = holders_.table] { return table->remove(); });
    }
  }
  if (removals.empty()) {
    return false;
  }
  // For a moment nobody holds rules: no language server may run then.
  if (auto stopped = stop_servers(); !stopped) {
    return stopped.error();
  }
  for (const auto& remove : removals) {
    if (auto removed = remove(); !removed) {
      return removed;
    }
  }
  return true;
}

Result<> Redirector::note_loss(Before before) {
  if (before.in_place == nullptr || before.loss == nullptr) {
    return {};
  }
  auto seen = holders_.table->compare(nft::desired_rules(*before.in_place, families()));
  if (!seen) {
    return seen.error();
  }
  if (*seen == TableState::absent || *seen == TableState::different) {
    before.loss->lost.emplace_back("table of nftables");
    before.loss->had_filter = false;
  }
  return {};
}

Result<bool> Redirector::ensure_table(const RedirectSpec& spec, Before before) {
  if (holders_.table == nullptr) {
    return Error(Errc::firewall, "this helper was made without nf_tables");
  }
  const auto desired = nft::desired_rules(spec, families());
  auto seen = holders_.table->compare(desired);
  if (!seen) {
    return seen.error();
  }
  if (*seen == TableState::ours) {
    return false;
  }
  const bool is_whole = *seen == TableState::outlived;
  if (auto lost = note_loss(before); !lost) {
    return lost.error();
  }
  if (auto replaced = holders_.table->replace(desired); !replaced) {
    return replaced.error();
  }
  seen = holders_.table->compare(desired);
  if (!seen) {
    return seen.error();
  }
  if (*seen != TableState::ours) {
    return Error(Errc::firewall, "the rules read back differ from what was applied");
  }
  return !is_whole;
}

Result<bool> Redirector::ensure(FirewallBackend wanted,
                                const RedirectSpec& spec,
                                Before before,
                                const StopServers& stop_servers) {
  auto chosen = choose(wanted).backend;
  auto cleared = clear_others(chosen, stop_servers);
  if (!cleared) {
    return cleared;
  }
  if (*cleared) {
    before = {};  // somebody else held them
  }
  if (chosen == FirewallBackend::nftables) {
    auto done = ensure_table(spec, before);
    if (done) {
      return *done || *cleared;
    }
    if (wanted != FirewallBackend::automatic) {
      return done;
    }
    // This machine cannot, after all.
    kernel_ = done.error();
    chosen = FirewallBackend::iptables;
    before = {};
    cleared = clear_others(chosen, stop_servers);
    if (!cleared) {
      return cleared;
    }
  }
  auto done = iptables::ensure(holders_.iptables, spec, before);
  if (!done) {
    return done;
  }
  return *done || *cleared;
}

Result<bool> Redirector::remove() {
  bool changed = false;
  std::optional<Error> first;
  const auto note = [&](const Result<bool>& removed) {
    changed = changed || (removed && *removed);
    if (!removed && !first) {
      first = removed.error();
    }
  };
  for (auto* firewall : {holders_.iptables, holders_.other_iptables}) {
    if (firewall != nullptr) {
      note(iptables::remove(firewall));
    }
  }
  if (holders_.table != nullptr) {
    auto seen = holders_.table->compare({});
    // A kernel that cannot be asked has no table.
    if (seen && *seen != TableState::absent) {
      note(holders_.table->remove());
    }
  }
  if (first) {
    return *first;
  }
  return changed;
}

Result<> Redirector::verify(FirewallBackend wanted, const RedirectSpec& spec) {
  if (choose(wanted).backend == FirewallBackend::iptables) {
    return iptables::verify(holders_.iptables, spec);
  }
  if (holders_.table == nullptr) {
    return Error(Errc::firewall, "this helper was made without nf_tables");
  }
  auto seen = holders_.table->compare(nft::desired_rules(spec, families()));
  if (!seen) {
    return seen.error();
  }
  if (!is_in_place(*seen)) {
    return Error(Errc::not_protected, "the redirect rules are not in place: call EnsureRedirect");
  }
  return {};
}

std::string Redirector::state(FirewallBackend wanted, Family family, const RedirectSpec* spec) {
  if (choose(wanted).backend == FirewallBackend::iptables) {
    return iptables::state(holders_.iptables, family, spec);
  }
  if (!holders_.iptables->is_present(family)) {
    return "not_present";
  }
  if (holders_.table == nullptr) {
    return "unavailable";
  }
  auto seen = holders_.table->compare(spec != nullptr ? nft::desired_rules(*spec, families())
                                                      : nft::Rules());
  if (!seen) {
    return "unavailable";
  }
  return *seen == TableState::absent ? "absent" : is_in_place(*seen) ? "active" : "partial";
}

bool Redirector::has_rules() {
  for (auto* firewall : {holders_.iptables, holders_.other_iptables}) {
    if (firewall != nullptr && iptables::is_used(firewall)) {
      return true;
    }
  }
  if (holders_.table == nullptr) {
    return false;
  }
  auto seen = holders_.table->compare({});
  return seen && *seen != TableState::absent;
}

bool Redirector::holds_by_process() {
  return holders_.table != nullptr && holders_.table->holds();
}

}  // namespace agp::core
