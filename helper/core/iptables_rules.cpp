#include "helper/core/iptables_rules.h"

#include "helper/core/errc.h"

#include <array>
#include <optional>

namespace agp::core::iptables {
namespace {

// Somebody else may change a table between our look and our transaction; a rule that is deleted
// but gone fails the transaction as a whole, so looking again is safe.
constexpr int kAttempts = 3;

// Fail closed: the filter is there before the first packet is redirected, and goes last.
constexpr std::array kEnsureOrder{Table::filter, Table::nat};
constexpr std::array kRemoveOrder{Table::nat, Table::filter};
constexpr std::array kFamilies{Family::ipv4, Family::ipv6};

void note_loss(Family family,
               Table table,
               const ObservedTable& observed,
               const Redirector::Before& before) {
  if (before.in_place == nullptr || before.loss == nullptr ||
      is_in_place(family, table, *before.in_place, observed)) {
    return;
  }
  before.loss->lost.push_back(std::string(to_string(family)) + " " + to_string(table));
  before.loss->had_filter = before.loss->had_filter && table != Table::filter;
}

Result<bool> ensure_one(Firewall* firewall,
                        Family family,
                        Table table,
                        const RedirectSpec& spec,
                        const Redirector::Before& before) {
  Error last;
  bool changed = false;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto saved = firewall->save(family, table);
    if (!saved) {
      return saved.error();
    }
    const auto observed = parse_save(*saved);
    const auto plan = plan_ensure(family, table, spec, observed);
    if (plan.empty()) {
      return changed;
    }
    if (attempt == 0) {
      note_loss(family, table, observed, before);
    }
    changed = true;
    auto applied = firewall->restore(family, plan);
    last = applied ? Error(Errc::firewall, "the rules read back differ from what was applied")
                   : applied.error();
  }
  // The last attempt may have worked: read back once more.
  auto saved = firewall->save(family, table);
  if (saved && is_in_place(family, table, spec, parse_save(*saved))) {
    return changed;
  }
  return last;
}

Result<bool> remove_one(Firewall* firewall, Family family, Table table) {
  Error last;
  for (int attempt = 0; attempt <= kAttempts; ++attempt) {
    auto saved = firewall->save(family, table);
    if (!saved) {
      return saved.error();
    }
    const auto plan = plan_remove(table, parse_save(*saved));
    if (plan.empty()) {
      return attempt > 0;
    }
    auto applied = firewall->restore(family, plan);
    last = applied ? Error(Errc::firewall, "rules of ours are left after removing them")
                   : applied.error();
  }
  return last;
}

std::string state_word(bool is_complete, bool is_empty) {
  return is_complete ? "active" : is_empty ? "absent" : "partial";
}

}  // namespace

std::vector<Family> families(Firewall* firewall) {
  std::vector<Family> present;
  for (const auto family : kFamilies) {
    if (firewall->is_present(family)) {
      present.push_back(family);
    }
  }
  return present;
}

Result<bool> ensure(Firewall* firewall, const RedirectSpec& spec, Redirector::Before before) {
  bool changed = false;
  for (const auto table : kEnsureOrder) {
    for (const auto family : families(firewall)) {
      auto done = ensure_one(firewall, family, table, spec, before);
      if (!done) {
        return done;
      }
      changed = changed || *done;
    }
  }
  return changed;
}

Result<bool> remove(Firewall* firewall) {
  bool changed = false;
  std::optional<Error> first;
  for (const auto table : kRemoveOrder) {
    for (const auto family : families(firewall)) {
      auto removed = remove_one(firewall, family, table);
      if (removed) {
        changed = changed || *removed;
      } else if (!first && removed.error().code != Errc::firewall_missing) {
        first = removed.error();
      }
    }
  }
  if (first) {
    return *first;
  }
  return changed;
}

Result<> verify(Firewall* firewall, const RedirectSpec& spec) {
  for (const auto table : kEnsureOrder) {
    for (const auto family : families(firewall)) {
      auto saved = firewall->save(family, table);
      if (!saved) {
        return saved.error();
      }
      if (!is_in_place(family, table, spec, parse_save(*saved))) {
        return Error(Errc::not_protected, std::string("the ") + to_string(family) +
                                              " redirect rules are not in place: call "
                                              "EnsureRedirect");
      }
    }
  }
  return {};
}

std::string state(Firewall* firewall, Family family, const RedirectSpec* spec) {
  if (!firewall->is_present(family)) {
    return "not_present";
  }
  bool is_complete = spec != nullptr;
  bool is_empty = true;
  for (const auto table : kEnsureOrder) {
    auto saved = firewall->save(family, table);
    if (!saved) {
      return "unavailable";
    }
    const auto observed = parse_save(*saved);
    is_complete = is_complete && is_in_place(family, table, *spec, observed);
    is_empty = is_empty && observed.is_empty();
  }
  return state_word(is_complete, is_empty);
}

bool is_used(Firewall* firewall) {
  for (const auto table : kEnsureOrder) {
    for (const auto family : families(firewall)) {
      auto saved = firewall->save(family, table);
      if (saved && !parse_save(*saved).is_empty()) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace agp::core::iptables
