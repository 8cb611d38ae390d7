#include "helper/os/owner_table.h"

#include "common/log/log.h"
#include "helper/core/errc.h"
#include "helper/os/nft_codec.h"

#include <algorithm>
#include <string>
#include <utility>

#include <unistd.h>

namespace agp::os {
namespace {

const std::string kTable(core::nft::kTable);

bool is_same(const nft::Shown& a, const nft::Shown& b) {
  return a.chains == b.chains && a.rules == b.rules;
}

/// Whether everything that is desired is there, in its order, and besides it only rules for cgroups
/// that have ended since: these match nobody, and nobody but the owner can have put others in.
/// @param made what the table was made of, as it would be made now; an ended cgroup is left out.
bool has_all(const nft::Shown& seen, const nft::Shown& desired, const nft::Shown& made) {
  auto next = desired.rules.begin();
  for (const auto& rule : seen.rules) {
    if (next != desired.rules.end() && rule == *next) {
      ++next;
      continue;
    }
    const bool is_living =
        std::find(made.rules.begin(), made.rules.end(), rule) != made.rules.end();
    if (is_living || !nft::is_for_cgroup(rule)) {
      return false;
    }
  }
  return next == desired.rules.end() && seen.chains == desired.chains;
}

/// By a socket of its own: answers of the owner's socket are those of its transactions.
Result<std::optional<nft::Shown>> look_at(const std::string& table) {
  auto socket = NetfilterSocket::open();
  if (!socket) {
    return socket.error();
  }
  return nft::read_table(&*socket, table);
}

Result<> replace_by(NetfilterSocket* socket,
                    const std::string& table,
                    const core::nft::Rules& rules) {
  NetfilterSocket::Batch batch;
  nft::put_table(&batch, table, rules);
  return socket->commit(std::move(batch));
}

Result<> removed_by(NetfilterSocket* socket, const std::string& table) {
  NetfilterSocket::Batch batch;
  nft::put_removal(&batch, table);
  return socket->commit(std::move(batch));
}

}  // namespace

NftOwnerTable::NftOwnerTable(DescriptorStore* store) : store_(store) {
  UniqueFd fd = store != nullptr ? store->take() : UniqueFd();
  if (!fd.is_open()) {
    return;
  }
  auto adopted = NetfilterSocket::adopt(std::move(fd));
  if (adopted) {
    owner_.emplace(std::move(*adopted));
  } else {
    log::warning("cannot use what the previous helper left, starting anew",
                 {{"ERROR", adopted.error()}});
    store->forget();
  }
}

Result<> NftOwnerTable::check_kernel() {
  const std::string name = kTable + "_probe_" + std::to_string(::getpid());
  {
    auto owner = NetfilterSocket::open();
    if (!owner) {
      return owner.error();
    }
    if (auto made = replace_by(&*owner, name, core::nft::probe_rules()); !made) {
      return made.error();
    }
    auto seen = look_at(name);
    if (!seen) {
      return seen.error();
    }
    if (!*seen || (*seen)->owner != owner->port()) {
      (void)removed_by(&*owner, name);  // a kernel without owners, whose table would stay
      return Error(core::Errc::firewall, "the kernel's tables have no owner");
    }
    if (!is_same(**seen, nft::show(core::nft::probe_rules()))) {
      return Error(core::Errc::firewall, "the kernel shows other rules than it was given");
    }
  }
  auto left = look_at(name);
  if (!left) {
    return left.error();
  }
  if (*left) {
    return Error(core::Errc::firewall, "the kernel keeps a table without its owner");
  }
  return {};
}

bool NftOwnerTable::holds() {
  if (!owner_) {
    return false;
  }
  const auto seen = look_at(kTable);
  return seen && *seen && (*seen)->owner == owner_->port();
}

Result<core::TableState> NftOwnerTable::compare(const core::nft::Rules& desired) {
  auto seen = look_at(kTable);
  if (!seen) {
    return seen.error();
  }
  if (!*seen) {
    return core::TableState::absent;
  }
  const auto wanted = nft::show(desired);
  if (!has_all(**seen, wanted, nft::show(made_))) {
    return core::TableState::different;
  }
  // Rules that nobody owns stay for ever; those of another process go with it.
  const bool is_owned = (*seen)->owner != 0;
  const bool is_ours = owner_ && (*seen)->owner == owner_->port();
  const bool is_exact = (*seen)->rules.size() == wanted.rules.size();
  return is_ours    ? is_exact ? core::TableState::ours : core::TableState::outlived
         : is_owned ? core::TableState::of_another
                    : core::TableState::different;
}

Result<> NftOwnerTable::take_hold() {
  if (owner_) {
    return {};
  }
  if (store_ == nullptr) {
    return Error(core::Errc::firewall, "only the running helper can hold rules");
  }
  auto socket = NetfilterSocket::open();
  if (!socket) {
    return socket.error();
  }
  // Before the first rule: from then on a crash must not take them away.
  if (auto kept = store_->keep(socket->fd()); !kept) {
    return kept;
  }
  owner_.emplace(std::move(*socket));
  return {};
}

Result<> NftOwnerTable::replace(const core::nft::Rules& desired) {
  if (auto held = take_hold(); !held) {
    return held;
  }
  auto replaced = replace_by(&*owner_, kTable, desired);
  if (replaced) {
    made_ = desired;
  }
  return replaced;
}

Result<bool> NftOwnerTable::remove() {
  auto seen = look_at(kTable);
  if (!seen) {
    return seen.error();
  }
  const bool is_there = seen->has_value();
  if (is_there && owner_ && (*seen)->owner == owner_->port()) {
    if (auto removed = removed_by(&*owner_, kTable); !removed) {
      return removed.error();
    }
  } else if (is_there) {
    // Nobody's, or held by a process that the kernel does not let us overrule.
    auto visitor = NetfilterSocket::open();
    if (!visitor) {
      return visitor.error();
    }
    if (auto removed = removed_by(&*visitor, kTable); !removed) {
      return removed.error();
    }
  }
  if (owner_) {
    store_->forget();
    owner_.reset();
  }
  return is_there;
}

}  // namespace agp::os
