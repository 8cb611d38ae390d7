#include "daemon/ledger/rollup.h"

#include "daemon/ledger/modality.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

namespace agp::ledger {
namespace {

constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();

constexpr std::array<SumColumn, kSumColumnCount> kColumns = {{
    {"calls", "1"},
    {"ok", "outcome = 'ok'"},
    {"partial", "outcome = 'partial'"},
    {"errors", "outcome = 'error'"},
    {"usage_unknown", "input_total IS NULL"},
    {"input_total", "ifnull(input_total, 0)"},
    {"input_uncached", "ifnull(input_uncached, 0)"},
    {"cached_input", "ifnull(cached_input, 0)"},
    {"cache_write", "ifnull(cache_write, 0)"},
    {"tool_use_prompt", "ifnull(tool_use_prompt, 0)"},
    {"output_total", "ifnull(output_total, 0)"},
    {"reasoning", "ifnull(reasoning, 0)"},
    {"total", "ifnull(total, 0)"},
    {"reasoning_unknown", "input_total IS NOT NULL AND reasoning IS NULL"},
    {"unpriced", "cost_pico_usd IS NULL"},
    {"cost_pico_usd", "ifnull(cost_pico_usd, 0)"},
}};

// What a row holds of it: a number that SQLite cannot hold is not known there.
std::optional<std::int64_t> kept(usage::Count value) {
  if (!value || *value > static_cast<std::uint64_t>(kLargest)) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*value);
}

struct KeyParts {
  std::optional<std::string> model;
  std::string provider;
  std::string host;
  std::string kind;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> owner;
  std::optional<std::string> request_model;

  friend auto operator<=>(const KeyParts&, const KeyParts&) = default;
};

KeyParts parts_of(const usage::Record& record) {
  return {record.model,     name(record.provider), record.host,         name(record.request_kind),
          record.local_uid, record.owner_uid,      record.request_model};
}

// A statement that most batches need and some do not.
class Lazy {
 public:
  Lazy(sqlite::Database& database, std::string sql) : database_(database), sql_(std::move(sql)) {}

  [[nodiscard]] Result<sqlite::Statement*> get() {
    if (!statement_) {
      auto prepared = database_.prepare(sql_);
      if (!prepared) {
        return prepared.error();
      }
      statement_.emplace(std::move(*prepared));
    }
    return &*statement_;
  }

 private:
  sqlite::Database& database_;
  std::string sql_;
  std::optional<sqlite::Statement> statement_;
};

void bind_maybe(sqlite::Statement& statement, int index, const std::optional<std::string>& value) {
  value ? statement.bind(index, std::string_view(*value)) : statement.bind_null(index);
}

void bind_maybe(sqlite::Statement& statement, int index, std::optional<std::uint32_t> value) {
  value ? statement.bind(index, static_cast<std::int64_t>(*value)) : statement.bind_null(index);
}

void bind_parts(sqlite::Statement& statement, const KeyParts& parts) {
  bind_maybe(statement, 1, parts.model);
  statement.bind(2, std::string_view(parts.provider));
  statement.bind(3, std::string_view(parts.host));
  statement.bind(4, std::string_view(parts.kind));
  bind_maybe(statement, 5, parts.uid);
  bind_maybe(statement, 6, parts.owner);
  bind_maybe(statement, 7, parts.request_model);
}

// Ids of keys and cascades, made where they are new.
class Names {
 public:
  explicit Names(sqlite::Database& database)
      : find_key_(database,
                  "SELECT id FROM rollup_key WHERE model IS ? AND provider = ? AND host = ?"
                  " AND request_kind = ? AND local_uid IS ? AND owner_uid IS ?"
                  " AND request_model IS ?"),
        make_key_(database,
                  "INSERT INTO rollup_key (model, provider, host, request_kind, local_uid,"
                  " owner_uid, request_model) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id"),
        find_cascade_(database, "SELECT id FROM rollup_cascade WHERE cascade_id = ?"),
        make_cascade_(database, "INSERT INTO rollup_cascade (cascade_id) VALUES (?) RETURNING id") {
  }

  [[nodiscard]] Result<std::int64_t> key(const usage::Record& record) {
    auto parts = parts_of(record);
    const auto known = keys_.find(parts);
    if (known != keys_.end()) {
      return known->second;
    }
    auto id = find_or_make(find_key_, make_key_,
                           [&](sqlite::Statement& statement) { bind_parts(statement, parts); });
    if (id) {
      keys_.emplace(std::move(parts), *id);
    }
    return id;
  }

  [[nodiscard]] Result<std::int64_t> cascade(const usage::Record& record) {
    if (!record.cascade_id) {
      return 0;
    }
    const auto known = cascades_.find(*record.cascade_id);
    if (known != cascades_.end()) {
      return known->second;
    }
    auto id = find_or_make(find_cascade_, make_cascade_, [&](sqlite::Statement& statement) {
      statement.bind(1, std::string_view(*record.cascade_id));
    });
    if (id) {
      cascades_.emplace(*record.cascade_id, *id);
    }
    return id;
  }

 private:
  template <class Bind>
  [[nodiscard]] static Result<std::int64_t> find_or_make(Lazy& find, Lazy& make, Bind bind) {
    for (auto* lazy : {&find, &make}) {
      auto statement = lazy->get();
      if (!statement) {
        return statement.error();
      }
      bind(**statement);
      auto row = (*statement)->step();
      const auto id = row && *row ? (*statement)->integer(0) : 0;
      (*statement)->reset();
      if (!row) {
        return row.error();
      }
      if (*row) {
        return id;
      }
    }
    return Error{Errc::damaged, "a key of the roll-ups can neither be found nor made"};
  }

  Lazy find_key_;
  Lazy make_key_;
  Lazy find_cascade_;
  Lazy make_cascade_;
  std::map<KeyParts, std::int64_t> keys_;
  std::map<std::string, std::int64_t> cascades_;
};

std::string upsert_sums(const char* table, const char* key_columns, int keys) {
  std::string marks;
  for (int i = 0; i < keys + static_cast<int>(kSumColumnCount); ++i) {
    marks += i == 0 ? "?" : ", ?";
  }
  return std::string("INSERT INTO ") + table + " (" + key_columns + ", " + sum_column_names() +
         ") VALUES (" + marks + ") ON CONFLICT (" + key_columns + ") DO UPDATE SET " +
         add_excluded_sums();
}

// What a batch changes, summed up before it is written: one statement per distinct row.
class Changes {
 public:
  explicit Changes(sqlite::Database& database)
      : database_(database), names_(database), modalities_(database) {}

  [[nodiscard]] Result<> add(const usage::Record& record, std::int64_t sign) {
    auto key = names_.key(record);
    if (!key) {
      return key.error();
    }
    auto cascade = names_.cascade(record);
    if (!cascade) {
      return cascade.error();
    }
    const auto quarter = quarter_of(record.started_at);
    add_row(sums_[{quarter, *key}], record, sign);
    add_row(cascade_sums_[{quarter, *cascade, *key}], record, sign);
    for (const auto& flag : record.flags) {
      flags_[{quarter, *cascade, *key, flag}] += sign;
    }
    modalities_.add(*key, record, sign);
    takes_out_ = takes_out_ || sign < 0;
    return {};
  }

  [[nodiscard]] Result<> write() {
    auto sums = write_sums();
    if (!sums) {
      return sums.error();
    }
    auto cascades = write_cascade_sums();
    if (!cascades) {
      return cascades.error();
    }
    auto flags = write_flags();
    if (!flags) {
      return flags.error();
    }
    auto modalities = modalities_.write();
    if (!modalities) {
      return modalities.error();
    }
    return takes_out_ ? remove_empty() : Result<>();
  }

 private:
  static void add_row(SumRow& into, const usage::Record& record, std::int64_t sign) {
    const auto row = sum_row_of(record);
    for (std::size_t i = 0; i < row.size(); ++i) {
      into[i] = saturating_add(into[i], sign * row[i]);
    }
  }

  [[nodiscard]] static Result<> run(sqlite::Statement& statement) {
    auto done = statement.step();
    statement.reset();
    return done ? Result<>() : Result<>(done.error());
  }

  static void bind_row(sqlite::Statement& statement, int index, const SumRow& row) {
    for (const auto value : row) {
      statement.bind(index++, value);
    }
  }

  [[nodiscard]] Result<> write_sums() {
    auto upsert = database_.prepare(upsert_sums("quarter_sum", "quarter, key", 2));
    if (!upsert) {
      return upsert.error();
    }
    for (const auto& [place, row] : sums_) {
      if (row == SumRow{}) {
        continue;
      }
      upsert->bind(1, place.first);
      upsert->bind(2, place.second);
      bind_row(*upsert, 3, row);
      auto done = run(*upsert);
      if (!done) {
        return done.error();
      }
    }
    return {};
  }

  [[nodiscard]] Result<> write_cascade_sums() {
    auto upsert = database_.prepare(upsert_sums("quarter_cascade_sum", "quarter, cascade, key", 3));
    if (!upsert) {
      return upsert.error();
    }
    for (const auto& [place, row] : cascade_sums_) {
      if (row == SumRow{}) {
        continue;
      }
      upsert->bind(1, std::get<0>(place));
      upsert->bind(2, std::get<1>(place));
      upsert->bind(3, std::get<2>(place));
      bind_row(*upsert, 4, row);
      auto done = run(*upsert);
      if (!done) {
        return done.error();
      }
    }
    return {};
  }

  [[nodiscard]] Result<> write_flags() {
    if (flags_.empty()) {
      return {};
    }
    auto upsert = database_.prepare(
        "INSERT INTO quarter_flag (quarter, cascade, key, flag, calls) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (quarter, cascade, key, flag) DO UPDATE SET calls = calls + excluded.calls");
    if (!upsert) {
      return upsert.error();
    }
    for (const auto& [place, calls] : flags_) {
      upsert->bind(1, std::get<0>(place));
      upsert->bind(2, std::get<1>(place));
      upsert->bind(3, std::get<2>(place));
      upsert->bind(4, std::string_view(std::get<3>(place)));
      upsert->bind(5, calls);
      auto done = run(*upsert);
      if (!done) {
        return done.error();
      }
    }
    return {};
  }

  // A group without a call in it must not appear in an answer.
  [[nodiscard]] Result<> remove_empty() {
    for (const auto& [place, row] : cascade_sums_) {
      for (const char* sql :
           {"DELETE FROM quarter_cascade_sum"
            " WHERE quarter = ? AND cascade = ? AND key = ? AND calls = 0",
            "DELETE FROM quarter_flag"
            " WHERE quarter = ? AND cascade = ? AND key = ? AND calls = 0",
            "DELETE FROM quarter_sum"
            " WHERE quarter = ?1 AND key = ?3 AND calls = 0 AND ?2 IS NOT NULL"}) {
        auto statement = database_.prepare(sql);
        if (!statement) {
          return statement.error();
        }
        statement->bind(1, std::get<0>(place));
        statement->bind(2, std::get<1>(place));
        statement->bind(3, std::get<2>(place));
        auto done = run(*statement);
        if (!done) {
          return done.error();
        }
      }
    }
    return {};
  }

  sqlite::Database& database_;
  Names names_;
  std::map<std::pair<std::int64_t, std::int64_t>, SumRow> sums_;
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, SumRow> cascade_sums_;
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t, std::string>, std::int64_t> flags_;
  ModalityChanges modalities_;
  bool takes_out_ = false;
};

Result<> count_records(sqlite::Database& database, std::span<const usage::Record* const> kept) {
  auto last = kept.front()->started_at;
  for (const auto* record : kept) {
    last = std::max(last, record->started_at);
  }
  auto update = database.prepare(
      "UPDATE rollup_state SET records = records + ?1,"
      " last_started_at = max(ifnull(last_started_at, ?2), ?2)");
  if (!update) {
    return update.error();
  }
  update->bind(1, static_cast<std::int64_t>(kept.size()));
  update->bind(2, last.time_since_epoch().count());
  auto done = update->step();
  return done ? Result<>() : Result<>(done.error());
}

void add_values(const SumRow& values, Sums& sums) {
  const auto* value = values.data();
  const auto next = [&] {
    return static_cast<std::uint64_t>(*value++);
  };
  const auto calls = next();
  sums.calls += calls;
  for (auto* sum :
       {&sums.ok, &sums.partial, &sums.errors, &sums.usage_unknown, &sums.input_total,
        &sums.input_uncached, &sums.cached_input, &sums.cache_write, &sums.tool_use_prompt,
        &sums.output_total, &sums.reasoning, &sums.total, &sums.reasoning_unknown}) {
    *sum += next();
  }
  const auto unpriced = next();
  const auto cost = next();
  sums.unpriced += unpriced;
  if (unpriced < calls) {
    sums.cost_pico_usd = sums.cost_pico_usd.value_or(0) + cost;
  }
}

}  // namespace

std::int64_t floor_divide(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

std::int64_t saturating_add(std::int64_t left, std::int64_t right) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(left, right, &sum)) {
    return left > 0 ? kLargest : -kLargest;
  }
  return sum;
}

std::int64_t quarter_of(usage::Micros at) {
  return floor_divide(at.time_since_epoch().count(), kQuarterHour);
}

usage::Micros start_of_quarter(std::int64_t quarter) {
  return usage::Micros(std::chrono::microseconds(quarter * kQuarterHour));
}

const std::array<SumColumn, kSumColumnCount>& sum_columns() {
  return kColumns;
}

SumRow sum_row_of(const usage::Record& record) {
  const auto is = [](bool statement) {
    return static_cast<std::int64_t>(statement);
  };
  const auto usage = record.usage.value_or(usage::Usage{});
  const auto of = [&](usage::Count value) {
    return record.usage ? kept(value).value_or(0) : 0;
  };
  const bool is_known = record.usage && kept(usage.input_total);
  const auto cost = record.cost ? kept(record.cost->pico_usd) : std::nullopt;
  return {1,
          is(record.outcome == usage::Outcome::ok),
          is(record.outcome == usage::Outcome::partial),
          is(record.outcome == usage::Outcome::error),
          is(!is_known),
          of(usage.input_total),
          of(usage.input_uncached),
          of(usage.cached_input),
          of(usage.cache_write),
          of(usage.tool_use_prompt),
          of(usage.output_total),
          of(usage.reasoning),
          of(usage.total),
          is(is_known && !kept(usage.reasoning)),
          is(!cost),
          cost.value_or(0)};
}

void add_sum_row(const sqlite::Statement& row, int first_column, Sums& sums) {
  SumRow values{};
  for (auto& value : values) {
    value = row.integer(first_column++);
  }
  add_values(values, sums);
}

Sums sums_of(const usage::Record& record) {
  Sums sums;
  add_values(sum_row_of(record), sums);
  for (const auto& flag : record.flags) {
    sums.flags.emplace(flag, 1);
  }
  return sums;
}

const std::string& add_excluded_sums() {
  static const std::string sql = [] {
    std::string out;
    for (const auto& column : kColumns) {
      const std::string name = column.name;
      out += (out.empty() ? "" : ", ") + name + " = min(" + name + " + excluded." + name + ", " +
             std::to_string(kLargest) + ")";
    }
    return out;
  }();
  return sql;
}

const std::string& sum_column_names() {
  static const std::string names = [] {
    std::string out;
    for (const auto& column : kColumns) {
      out += (out.empty() ? "" : ", ") + std::string(column.name);
    }
    return out;
  }();
  return names;
}

Result<> add_to_rollups(sqlite::Database& database, std::span<const usage::Record* const> kept) {
  if (kept.empty()) {
    return {};
  }
  Changes changes(database);
  for (const auto* record : kept) {
    auto added = changes.add(*record, 1);
    if (!added) {
      return added.error();
    }
  }
  auto written = changes.write();
  return written ? count_records(database, kept) : written;
}

Result<> move_in_rollups(sqlite::Database& database,
                         const usage::Record& before,
                         const usage::Record& after) {
  Changes changes(database);
  auto removed = changes.add(before, -1);
  if (!removed) {
    return removed.error();
  }
  auto added = changes.add(after, 1);
  return added ? changes.write() : added;
}

Result<RollupState> read_rollup_state(sqlite::Database& database) {
  auto statement = database.prepare(
      "SELECT records, last_started_at, raw_from, quarters_from FROM rollup_state");
  if (!statement) {
    return statement.error();
  }
  auto row = statement->step();
  if (!row) {
    return row.error();
  }
  if (!*row) {
    return Error{Errc::damaged, "the state of the roll-ups is missing"};
  }
  RollupState state;
  state.records = static_cast<std::uint64_t>(statement->integer(0));
  if (const auto last = statement->maybe_integer(1)) {
    state.last_started_at = usage::Micros(std::chrono::microseconds(*last));
  }
  state.raw_from = statement->maybe_integer(2).value_or(INT64_MIN);
  state.quarters_from = statement->maybe_integer(3).value_or(INT64_MIN);
  return state;
}

}  // namespace agp::ledger
