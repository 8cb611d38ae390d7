#include "daemon/ledger/retention.h"

#include "daemon/ledger/quota_samples.h"
#include "daemon/ledger/rollup.h"

#include <algorithm>
#include <string>

namespace agp::ledger {
namespace {

constexpr std::int64_t kRecordsPerStep = 1000;
constexpr int kSumsPerStep = 2000;  // a quarter-hour is not divided: one step may pass this

std::int64_t start_of_day(std::int64_t quarter) {
  if (quarter == INT64_MIN) {
    return quarter;  // nothing was ever deleted
  }
  return floor_divide(quarter, kQuartersPerDay) * kQuartersPerDay;
}

// Room for the batches that come before the next step: an eighth, and not more than 16 MiB.
std::uint64_t reserve_of(std::uint64_t max_bytes) {
  return std::min<std::uint64_t>(max_bytes / 8, 16U << 20U);
}

Result<std::uint64_t> used_bytes(sqlite::Database& database) {
  std::int64_t pages[3] = {};
  int index = 0;
  for (const char* sql : {"PRAGMA page_count", "PRAGMA freelist_count", "PRAGMA page_size"}) {
    auto value = database.integer(sql);
    if (!value) {
      return value.error();
    }
    pages[index++] = *value;
  }
  return static_cast<std::uint64_t>((pages[0] - pages[1]) * pages[2]);
}

// One of the two kinds of rows that can go, and whatever follows from it.
class Step {
 public:
  Step(sqlite::Database& database, const RollupState& state) : database_(database), state_(state) {}

  /// Deletes the oldest records among those that started before `limit`.
  [[nodiscard]] Result<std::uint64_t> delete_records(std::int64_t limit) {
    auto last = database_.prepare(
        "SELECT max(started_at) FROM (SELECT started_at FROM record INDEXED BY record_started_at"
        " WHERE started_at < ? ORDER BY started_at LIMIT ?)");
    if (!last) {
      return last.error();
    }
    last->bind(1, limit);
    last->bind(2, kRecordsPerStep);
    auto row = last->step();
    if (!row) {
      return row.error();
    }
    const auto newest = *row ? last->maybe_integer(0) : std::nullopt;
    if (!newest) {
      return 0;
    }
    last->reset();
    const usage::Micros at{std::chrono::microseconds(*newest)};
    auto marked = raise("raw_from", std::max(state_.raw_from, quarter_of(at) + 1));
    if (!marked) {
      return marked.error();
    }
    auto gone = database_.prepare(
        "DELETE FROM record WHERE sequence IN (SELECT sequence FROM record"
        " INDEXED BY record_started_at WHERE started_at < ? ORDER BY started_at, sequence LIMIT "
        "?)");
    if (!gone) {
      return gone.error();
    }
    gone->bind(1, limit);
    gone->bind(2, kRecordsPerStep);
    auto done = gone->step();
    if (!done) {
      return done.error();
    }
    return static_cast<std::uint64_t>(database_.changes());
  }

  /// Of quotas no sums are kept: what is too old is gone.
  [[nodiscard]] Result<std::uint64_t> delete_samples(usage::Micros limit) {
    return ledger::delete_samples(database_, limit);
  }

  /// Adds the oldest quarter-hours before `limit`, the start of a day, to their days. No record of
  /// theirs may be left: what a record is part of must be found when it is corrected.
  /// @return false: there were none.
  [[nodiscard]] Result<bool> fold(std::int64_t limit) {
    int moved = 0;
    while (moved < kSumsPerStep) {
      auto oldest = database_.prepare(
          "SELECT quarter FROM quarter_sum WHERE quarter < ? ORDER BY quarter LIMIT 1");
      if (!oldest) {
        return oldest.error();
      }
      oldest->bind(1, limit);
      auto row = oldest->step();
      if (!row) {
        return row.error();
      }
      if (!*row) {
        break;
      }
      const auto quarter = oldest->integer(0);
      oldest->reset();
      auto rows = fold_quarter(quarter);
      if (!rows) {
        return rows.error();
      }
      moved += *rows;
    }
    if (moved == 0) {
      return false;
    }
    auto days = raise("quarters_from", std::max(state_.quarters_from, limit));
    if (!days) {
      return days.error();
    }
    auto records = raise("raw_from", std::max(state_.raw_from, limit));
    return records ? Result<bool>(true) : Result<bool>(records.error());
  }

 private:
  [[nodiscard]] Result<int> fold_quarter(std::int64_t quarter) {
    const auto& sums = sum_column_names();
    const std::string where = " WHERE quarter = ?1";
    const std::string statements[] = {
        "INSERT INTO day_sum (day, key, " + sums + ") SELECT ?2, key, " + sums +
            " FROM quarter_sum" + where + " ON CONFLICT (day, key) DO UPDATE SET " +
            add_excluded_sums(),
        "INSERT INTO day_cascade_sum (day, cascade, key, " + sums + ") SELECT ?2, cascade, key, " +
            sums + " FROM quarter_cascade_sum" + where +
            " ON CONFLICT (day, cascade, key) DO UPDATE SET " + add_excluded_sums(),
        "INSERT INTO day_flag (day, cascade, key, flag, calls)"
        " SELECT ?2, cascade, key, flag, calls FROM quarter_flag" +
            where +
            " ON CONFLICT (day, cascade, key, flag) DO UPDATE SET calls = calls + excluded.calls",
        "DELETE FROM quarter_sum" + where,
        "DELETE FROM quarter_cascade_sum" + where,
        "DELETE FROM quarter_flag" + where,
    };
    int rows = 0;
    for (const auto& sql : statements) {
      auto statement = database_.prepare(sql);
      if (!statement) {
        return statement.error();
      }
      statement->bind(1, quarter);
      statement->bind(2, floor_divide(quarter, kQuartersPerDay));  // ignored where there is no ?2
      auto done = statement->step();
      if (!done) {
        return done.error();
      }
      rows += database_.changes();
    }
    return rows;
  }

  [[nodiscard]] Result<> raise(const char* mark, std::int64_t quarter) {
    auto update = database_.prepare(std::string("UPDATE rollup_state SET ") + mark + " = ?");
    if (!update) {
      return update.error();
    }
    update->bind(1, quarter);
    auto done = update->step();
    return done ? Result<>() : Result<>(done.error());
  }

  sqlite::Database& database_;
  const RollupState& state_;
};

Result<AgeingStep> make_room(Step& step, const RollupState& state) {
  AgeingStep out;
  auto evicted = step.delete_records(INT64_MAX);
  if (!evicted) {
    return evicted.error();
  }
  out.evicted = *evicted;
  out.has_more = out.evicted != 0;
  if (out.evicted == 0) {
    // No record is left: then sums lose their hours before their time.
    auto folded = step.fold(start_of_day(state.raw_from));
    if (!folded) {
      return folded.error();
    }
    out.has_more = *folded;
  }
  return out;
}

Result<AgeingStep> age(Step& step, const Retention& retention, usage::Micros now) {
  AgeingStep out;
  // Whole quarter-hours only, so that a question by quarter-hours finds each whole or not at all.
  const auto raw_limit = quarter_of(now - retention.raw);
  auto aged = step.delete_records(start_of_quarter(raw_limit).time_since_epoch().count());
  if (!aged) {
    return aged.error();
  }
  auto samples = step.delete_samples(now - retention.raw);
  if (!samples) {
    return samples.error();
  }
  out.aged = *aged;
  out.has_more = out.aged != 0 || *samples != 0;
  if (out.has_more) {
    return out;
  }
  // All records before raw_limit are gone, late ones too.
  const auto limit = start_of_day(std::min(quarter_of(now - retention.quarters), raw_limit));
  auto folded = step.fold(limit);
  if (!folded) {
    return folded.error();
  }
  out.has_more = *folded;
  return out;
}

Result<bool> wants_room(sqlite::Database& database, const Retention& retention, Pressure pressure) {
  if (!retention.max_bytes) {
    return false;
  }
  auto used = used_bytes(database);
  if (!used) {
    return used.error();
  }
  // After a failed write the disk may be full of other things: records go only when they are what
  // fills the ledger.
  const auto full = *retention.max_bytes;
  return *used > (pressure == Pressure::full ? full / 2 : full - reserve_of(full));
}

Result<AgeingStep> one_step(sqlite::Database& database,
                            const Retention& retention,
                            usage::Micros now,
                            bool is_full) {
  auto state = read_rollup_state(database);
  if (!state) {
    return state.error();
  }
  Step step(database, *state);
  return is_full ? make_room(step, *state) : age(step, retention, now);
}

}  // namespace

Result<AgeingStep> age_one_step(sqlite::Database& database,
                                const Retention& retention,
                                usage::Micros now,
                                Pressure pressure) {
  auto is_full = wants_room(database, retention, pressure);
  if (!is_full) {
    return is_full.error();
  }
  auto begun = database.exec("BEGIN IMMEDIATE");
  if (!begun) {
    return begun.error();
  }
  auto done = one_step(database, retention, now, *is_full);
  auto ended = database.exec(done ? "COMMIT" : "ROLLBACK");
  if (done && !ended) {
    (void)database.exec("ROLLBACK");  // the commit's own error is the one to report
    return ended.error();
  }
  return done;
}

}  // namespace agp::ledger
