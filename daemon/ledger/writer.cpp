#include "daemon/ledger/writer.h"

#include "common/log/log.h"
#include "daemon/ledger/file.h"
#include "daemon/ledger/quota_samples.h"
#include "daemon/ledger/rollup.h"
#include "daemon/ledger/row.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace agp::ledger {
namespace {

const Confirmation* confirmation_in(const Entry& entry) {
  return std::get_if<Confirmation>(&entry);
}

std::vector<const quota::Sample*> samples_in(std::span<const Entry> batch) {
  std::vector<const quota::Sample*> out;
  for (const auto& entry : batch) {
    if (const auto* sample = std::get_if<quota::Sample>(&entry)) {
      out.push_back(sample);
    }
  }
  return out;
}

bool has_confirmation(std::span<const Entry> batch) {
  for (const auto& entry : batch) {
    if (confirmation_in(entry) != nullptr) {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<> Writer::ensure_open() {
  if (database_) {
    auto moved = database_->has_moved();
    if (moved && !*moved) {
      return {};
    }
    // Records would go into a file that nobody finds. What is in its log goes along with it, or the
    // new file's log would take its place.
    (void)database_->exec("PRAGMA wal_checkpoint(TRUNCATE)");  // nothing else can be done for it
    close();
  }
  auto opened = open_for_writing(options_.file, options_.retention.max_bytes, options_.ls_uid);
  if (!opened) {
    return opened.error();
  }
  auto insert = opened->prepare(insert_sql());
  if (!insert) {
    return insert.error();
  }
  database_.emplace(std::move(*opened));
  insert_.emplace(std::move(*insert));
  return {};
}

void Writer::close() {
  insert_.reset();
  update_.reset();
  select_.reset();
  recent_.reset();
  database_.reset();  // rolls back
}

Result<Writer::Outcome> Writer::write(std::span<Entry> batch) {
  auto done = try_write(batch);
  if (done) {
    return done;
  }
  close();
  if (done.error().code != Errc::full) {
    return done;
  }
  const auto evicted = make_room();
  if (evicted == 0) {
    return done;
  }
  auto again = try_write(batch);
  if (!again) {
    close();
    return again;
  }
  again->evicted = evicted;
  return again;
}

// Old records go before new ones are refused.
std::uint64_t Writer::make_room() {
  if (!ensure_open()) {
    return 0;  // the failed write is the one to report
  }
  const auto step = age_one_step(*database_, options_.retention, {}, Pressure::full);
  return step ? step->evicted : 0;
}

Result<AgeingStep> Writer::age(usage::Micros now) {
  auto open = ensure_open();
  if (!open) {
    return open.error();
  }
  auto step = age_one_step(*database_, options_.retention, now);
  if (!step) {
    close();
  }
  return step;
}

Result<Writer::Outcome> Writer::try_write(std::span<Entry> batch) {
  auto open = ensure_open();
  if (!open) {
    return open.error();
  }
  auto begun = database_->exec("BEGIN IMMEDIATE");
  if (!begun) {
    return begun.error();
  }
  const bool confirms = has_confirmation(batch);
  if (confirms && !recent_) {
    auto loaded = load_recent();
    if (!loaded) {
      return loaded.error();
    }
  }
  confirm_new(batch);
  auto outcome = insert(batch);
  if (!outcome) {
    return outcome.error();
  }
  auto added = add_to_rollups(*database_, outcome->kept);
  if (!added) {
    return added.error();
  }
  if (confirms) {
    for (const auto& entry : batch) {
      if (const auto* confirmation = confirmation_in(entry)) {
        auto confirmed = confirm_kept(*confirmation);
        if (!confirmed) {
          return confirmed.error();
        }
      }
    }
  }
  auto sampled =
      keep_samples(*database_, samples_in(batch), most_samples(options_.retention.max_bytes));
  if (!sampled) {
    return sampled.error();
  }
  auto committed = database_->exec("COMMIT");
  if (!committed) {
    return committed.error();
  }
  remember(batch, *outcome);
  return outcome;
}

Result<Writer::Outcome> Writer::insert(std::span<Entry> batch) {
  Outcome outcome;
  for (auto& entry : batch) {
    auto* record = std::get_if<usage::Record>(&entry);
    if (record == nullptr) {
      continue;
    }
    bind_record(*insert_, *record);
    auto stepped = insert_->step();
    insert_->reset();
    if (stepped) {
      if (database_->changes() > 0) {
        record->sequence = static_cast<std::uint64_t>(database_->last_row());
        outcome.kept.push_back(record);
      }
    } else if (stepped.error().code == Errc::invalid_record) {
      ++outcome.refused;
      log::err("usage record cannot be kept", {{"ERROR", stepped.error()}});
    } else {
      return stepped.error();
    }
  }
  return outcome;
}

// Records of this batch whose confirmation came along or earlier. Doing it again after a failed
// transaction changes nothing.
void Writer::confirm_new(std::span<Entry> batch) {
  std::unordered_map<std::string, const Confirmation*> in_batch;
  for (const auto& entry : batch) {
    if (const auto* confirmation = confirmation_in(entry)) {
      in_batch.emplace(confirmation->response_id, confirmation);
    }
  }
  if (in_batch.empty() && early_.size() == 0) {
    return;
  }
  for (auto& entry : batch) {
    auto* record = std::get_if<usage::Record>(&entry);
    if (record == nullptr || !record->response_id) {
      continue;
    }
    if (const auto* confirmation = early_.find(*record->response_id)) {
      (void)apply(*confirmation, *record);
    }
    if (const auto found = in_batch.find(*record->response_id); found != in_batch.end()) {
      (void)apply(*found->second, *record);
    }
  }
}

// Records that were committed before this batch. A confirmation that is replayed finds them as they
// should be.
Result<> Writer::confirm_kept(const Confirmation& confirmation) {
  for (const auto sequence : recent_->find(confirmation.response_id)) {
    auto before = find(sequence);
    if (!before) {
      return before.error();
    }
    if (!*before) {
      continue;  // deleted since
    }
    auto after = **before;
    if (!apply(confirmation, after)) {
      continue;
    }
    if (!update_) {
      auto prepared = database_->prepare(confirm_sql());
      if (!prepared) {
        return prepared.error();
      }
      update_.emplace(std::move(*prepared));
    }
    bind_confirmed(*update_, after);
    auto updated = update_->step();
    update_->reset();
    if (!updated) {
      return updated.error();
    }
    auto moved = move_in_rollups(*database_, **before, after);
    if (!moved) {
      return moved.error();
    }
  }
  return {};
}

Result<std::optional<usage::Record>> Writer::find(std::uint64_t sequence) {
  if (!select_) {
    auto prepared =
        database_->prepare("SELECT " + record_columns() + " FROM record WHERE sequence = ?");
    if (!prepared) {
      return prepared.error();
    }
    select_.emplace(std::move(*prepared));
  }
  select_->bind(1, static_cast<std::int64_t>(sequence));
  auto row = select_->step();
  if (!row) {
    select_->reset();
    return row.error();
  }
  std::optional<usage::Record> out;
  if (*row) {
    out = read_record(*select_);
  }
  select_->reset();
  return out;
}

Result<> Writer::load_recent() {
  auto statement = database_->prepare(
      "SELECT response_id, sequence FROM (SELECT response_id, sequence FROM record ORDER BY"
      " sequence DESC LIMIT " +
      std::to_string(kRecentResponses) + ") WHERE response_id IS NOT NULL ORDER BY sequence");
  if (!statement) {
    return statement.error();
  }
  RecentResponses recent;
  while (true) {
    auto row = statement->step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      recent_.emplace(std::move(recent));
      return {};
    }
    recent.add(statement->text(0), static_cast<std::uint64_t>(statement->integer(1)));
  }
}

// After the commit: what this batch means for later ones.
void Writer::remember(std::span<const Entry> batch, const Outcome& outcome) {
  std::unordered_set<std::string_view> kept;
  for (const auto* record : outcome.kept) {
    if (!record->response_id) {
      continue;
    }
    if (recent_) {
      recent_->add(*record->response_id, record->sequence);
    }
    kept.insert(*record->response_id);
    early_.forget(*record->response_id);
  }
  for (const auto& entry : batch) {
    const auto* confirmation = confirmation_in(entry);
    if (confirmation != nullptr && kept.count(confirmation->response_id) == 0 &&
        recent_->find(confirmation->response_id).empty()) {
      early_.keep(*confirmation);
    }
  }
}

}  // namespace agp::ledger
