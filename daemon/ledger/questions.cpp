#include "daemon/ledger/questions.h"

#include "daemon/ledger/groups.h"
#include "daemon/ledger/modality.h"
#include "daemon/ledger/rollup.h"

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>
#include <utility>

namespace agp::ledger {
namespace {

constexpr auto kFirst = std::numeric_limits<std::int64_t>::min();
constexpr auto kLast = std::numeric_limits<std::int64_t>::max();

// Microseconds from `from` up to `to`, exclusive.
struct Span {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

// Which parts of a range come from where.
struct Parts {
  std::vector<Span> raw;           // single records: what sums would not divide
  std::int64_t quarters_from = 0;  // quarter-hours, exclusive at `to`
  std::int64_t quarters_to = 0;
  std::int64_t days_from = 0;
  std::int64_t days_to = 0;
  std::optional<usage::Micros> covers_since;
  std::optional<usage::Micros> covers_until;
};

// Where one end of a range falls.
struct Cut {
  std::int64_t quarter = 0;  // the quarter-hour that starts at the cut or holds it
  bool is_inside = false;    // inside that quarter-hour, and its records are all there
  std::optional<usage::Micros> moved_to;
};

Cut cut_at(usage::Micros at, const RollupState& state) {
  Cut cut;
  cut.quarter = quarter_of(at);
  cut.is_inside = at != start_of_quarter(cut.quarter);
  if (cut.is_inside && cut.quarter >= state.raw_from) {
    return cut;
  }
  cut.is_inside = false;
  if (cut.quarter < state.quarters_from) {
    cut.quarter = floor_divide(cut.quarter, kQuartersPerDay) * kQuartersPerDay;
  }
  if (start_of_quarter(cut.quarter) != at) {
    cut.moved_to = start_of_quarter(cut.quarter);
  }
  return cut;
}

Parts parts_of(const Filter& filter, const RollupState& state) {
  Parts parts;
  Cut since{kFirst, false, {}};
  Cut until{kLast, false, {}};
  if (filter.since) {
    since = cut_at(*filter.since, state);
    parts.covers_since = since.moved_to;
  }
  if (filter.until) {
    until = cut_at(*filter.until, state);
    parts.covers_until = until.moved_to;
  }
  const auto micros = [](usage::Micros at) {
    return at.time_since_epoch().count();
  };
  parts.quarters_from = since.quarter + (since.is_inside ? 1 : 0);
  parts.quarters_to = until.quarter;
  if (since.is_inside && until.is_inside && since.quarter == until.quarter) {
    parts.raw.push_back({micros(*filter.since), micros(*filter.until)});
    return parts;  // quarters_from is behind quarters_to: no whole one
  }
  if (since.is_inside && since.quarter < until.quarter) {
    parts.raw.push_back({micros(*filter.since), micros(start_of_quarter(parts.quarters_from))});
  }
  if (until.is_inside && parts.quarters_from <= until.quarter) {
    parts.raw.push_back({micros(start_of_quarter(until.quarter)), micros(*filter.until)});
  }
  // Days hold nothing from state.quarters_from on, and cuts before that are at the start of a day.
  const auto up = [](std::int64_t quarter) {
    return floor_divide(quarter, kQuartersPerDay) + (quarter % kQuartersPerDay != 0 ? 1 : 0);
  };
  parts.days_from = filter.since ? up(parts.quarters_from) : kFirst;
  parts.days_to = filter.until ? floor_divide(parts.quarters_to, kQuartersPerDay) : kLast;
  return parts;
}

// One question on its way through the tables.
class Usage {
 public:
  Usage(sqlite::Database& database, const Query& query)
      : database_(database),
        query_(query),
        groups_(query),
        has_cascades_(groups_.has_cascades() || query.filter.cascade) {}

  [[nodiscard]] Result<Report> answer() {
    auto state = read_rollup_state(database_);
    if (!state) {
      return state.error();
    }
    const auto parts = parts_of(query_.filter, *state);
    auto prepared = prepare();
    if (!prepared) {
      return prepared.error();
    }
    if (is_answerable_) {
      auto added = add_all(parts);
      if (!added) {
        return added.error();
      }
    }
    auto names = cascade_names();
    if (!names) {
      return names.error();
    }
    auto report = groups_.take_report(*names);
    report.covers_since = parts.covers_since;
    report.covers_until = parts.covers_until;
    if (groups_.is_coarse()) {
      report.coarse_before = start_of_quarter(state->quarters_from);
    }
    return report;
  }

 private:
  enum class Period { quarter, day };

  [[nodiscard]] Result<> prepare() {
    auto keys = database_.prepare(
        "SELECT model, provider, host, request_kind, local_uid, owner_uid FROM rollup_key"
        " WHERE id = ?");
    if (!keys) {
      return keys.error();
    }
    find_key_ = std::move(*keys);
    auto cascades = database_.prepare("SELECT id FROM rollup_cascade WHERE cascade_id = ?");
    if (!cascades) {
      return cascades.error();
    }
    find_cascade_ = std::move(*cascades);
    if (query_.filter.cascade) {
      auto id = cascade_id(*query_.filter.cascade);
      if (!id) {
        return id.error();
      }
      wanted_cascade_ = *id;
      is_answerable_ = *id != 0;  // else no call was ever tied to it
    }
    return {};
  }

  [[nodiscard]] Result<> add_all(const Parts& parts) {
    auto quarters = add_period(Period::quarter, parts.quarters_from, parts.quarters_to);
    if (!quarters) {
      return quarters.error();
    }
    auto days = add_period(Period::day, parts.days_from, parts.days_to);
    if (!days) {
      return days.error();
    }
    for (const auto& span : parts.raw) {
      auto records = add_records(span);
      if (!records) {
        return records.error();
      }
      auto flags = add_record_flags(span);
      if (!flags) {
        return flags.error();
      }
    }
    return {};
  }

  [[nodiscard]] Result<> add_period(Period period, std::int64_t from, std::int64_t to) {
    if (from >= to) {
      return {};
    }
    const std::string name = period == Period::quarter ? "quarter" : "day";
    const std::string table = name + (has_cascades_ ? "_cascade_sum" : "_sum");
    const std::string cascade = has_cascades_ ? "cascade" : "0";
    auto added = add_rows(
        period, from, to,
        "SELECT " + name + ", key, " + cascade + ", " + sum_column_names() + " FROM " + table,
        [](const sqlite::Statement& row, Sums& into) { add_sum_row(row, 3, into); });
    if (!added) {
      return added.error();
    }
    return add_rows(period, from, to,
                    "SELECT " + name + ", key, cascade, flag, calls FROM " + name + "_flag",
                    [](const sqlite::Statement& row, Sums& into) {
                      into.flags[row.text(3)] += static_cast<std::uint64_t>(row.integer(4));
                    });
  }

  // Rows come in the order of their time mostly, so that its name is made once for many.
  template <class Add>
  [[nodiscard]] Result<> add_rows(
      Period period, std::int64_t from, std::int64_t to, const std::string& select, Add add) {
    const std::string name = period == Period::quarter ? "quarter" : "day";
    auto statement = database_.prepare(select + " WHERE " + name + " >= ? AND " + name + " < ?" +
                                       (wanted_cascade_ ? " AND cascade = ?" : ""));
    if (!statement) {
      return statement.error();
    }
    statement->bind(1, from);
    statement->bind(2, to);
    if (wanted_cascade_) {
      statement->bind(3, *wanted_cascade_);
    }
    std::optional<std::int64_t> at;
    std::uint32_t time = 0;
    while (true) {
      auto row = statement->step();
      if (!row) {
        return row.error();
      }
      if (!*row) {
        return {};
      }
      auto dimensions = key_part(statement->integer(1));
      if (!dimensions) {
        return dimensions.error();
      }
      if (!*dimensions) {
        continue;
      }
      if (groups_.has_times() && at != statement->integer(0)) {
        at = statement->integer(0);
        time = period == Period::quarter
                   ? groups_.time_part(start_of_quarter(*at))
                   : groups_.day_part(start_of_quarter(*at * kQuartersPerDay));
      }
      add(*statement,
          groups_.at(**dimensions, time, groups_.has_cascades() ? statement->integer(2) : 0));
    }
  }

  // The part of a key in the groups; empty inside: the filter does not want it.
  [[nodiscard]] Result<std::optional<std::uint32_t>> key_part(std::int64_t key) {
    const auto known = keys_.find(key);
    if (known != keys_.end()) {
      return known->second;
    }
    find_key_.bind(1, key);
    auto row = find_key_.step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      return Error{Errc::damaged, "a key of the roll-ups is missing"};
    }
    const auto part = dimensions_part(find_key_, 0);
    find_key_.reset();
    keys_.emplace(key, part);
    return part;
  }

  [[nodiscard]] std::optional<std::uint32_t> dimensions_part(const sqlite::Statement& row,
                                                             int column) {
    const Dimensions dimensions{row.maybe_text(column),        row.text(column + 1),
                                row.text(column + 2),          row.text(column + 3),
                                row.maybe_integer(column + 4), row.maybe_integer(column + 5)};
    if (!matches(query_.filter, dimensions)) {
      return std::nullopt;
    }
    return groups_.dimensions_part(dimensions);
  }

  [[nodiscard]] Result<> add_records(const Span& span) {
    std::string columns;
    for (const auto& column : sum_columns()) {
      columns += std::string(", ") + column.of_record;
    }
    return add_raw(span, columns, "record", [](const sqlite::Statement& row, Sums& into) {
      add_sum_row(row, kRawValues, into);
    });
  }

  [[nodiscard]] Result<> add_record_flags(const Span& span) {
    return add_raw(
        span, ", flag.value", "record, json_each(record.flags) AS flag",
        [](const sqlite::Statement& row, Sums& into) { ++into.flags[row.text(kRawValues)]; });
  }

  template <class Add>
  [[nodiscard]] Result<> add_raw(const Span& span,
                                 const std::string& values,
                                 const std::string& from,
                                 Add add) {
    auto statement = database_.prepare(
        "SELECT started_at, cascade_id, model, provider, host, request_kind, local_uid,"
        " owner_uid" +
        values + " FROM " + from + " WHERE started_at >= ? AND started_at < ?" +
        (query_.filter.cascade ? " AND cascade_id = ?" : ""));
    if (!statement) {
      return statement.error();
    }
    statement->bind(1, span.from);
    statement->bind(2, span.to);
    if (query_.filter.cascade) {
      statement->bind(3, std::string_view(*query_.filter.cascade));
    }
    while (true) {
      auto row = statement->step();
      if (!row) {
        return row.error();
      }
      if (!*row) {
        return {};
      }
      const auto dimensions = dimensions_part(*statement, 2);
      if (!dimensions) {
        continue;
      }
      const usage::Micros at(std::chrono::microseconds(statement->integer(0)));
      const auto time = groups_.has_times() ? groups_.time_part(at) : 0;
      std::int64_t cascade = 0;
      if (groups_.has_cascades() && !statement->is_null(1)) {
        auto id = cascade_id(statement->text(1));
        if (!id) {
          return id.error();
        }
        cascade = *id;
      }
      add(*statement, groups_.at(*dimensions, time, cascade));
    }
  }

  // 0: no record ever had it.
  [[nodiscard]] Result<std::int64_t> cascade_id(const std::string& name) {
    find_cascade_.bind(1, std::string_view(name));
    auto row = find_cascade_.step();
    const auto id = row && *row ? find_cascade_.integer(0) : 0;
    find_cascade_.reset();
    if (!row) {
      return row.error();
    }
    return id;
  }

  [[nodiscard]] Result<std::unordered_map<std::int64_t, std::string>> cascade_names() {
    std::unordered_map<std::int64_t, std::string> names;
    auto find = database_.prepare("SELECT cascade_id FROM rollup_cascade WHERE id = ?");
    if (!find) {
      return find.error();
    }
    for (const auto id : groups_.cascades()) {
      find->bind(1, id);
      auto row = find->step();
      if (!row) {
        return row.error();
      }
      if (*row) {
        names.emplace(id, find->text(0));
      }
      find->reset();
    }
    return names;
  }

  static constexpr int kRawValues = 8;  // columns before the values in add_raw()

  sqlite::Database& database_;
  const Query& query_;
  Groups groups_;
  bool has_cascades_;
  bool is_answerable_ = true;
  std::optional<std::int64_t> wanted_cascade_;
  sqlite::Statement find_key_;
  sqlite::Statement find_cascade_;
  std::unordered_map<std::int64_t, std::optional<std::uint32_t>> keys_;
};

// Ends the read transaction on every way out.
class Snapshot {
 public:
  explicit Snapshot(sqlite::Database& database) : database_(database) {}
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;
  Snapshot(Snapshot&&) = delete;
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot() { (void)database_.exec("COMMIT"); }  // nothing was written
  [[nodiscard]] Result<> begin() { return database_.exec("BEGIN"); }

 private:
  sqlite::Database& database_;
};

}  // namespace

Result<Report> ask_usage(sqlite::Database& database, const Query& query) {
  Snapshot snapshot(database);
  auto begun = snapshot.begin();
  if (!begun) {
    return begun.error();
  }
  return Usage(database, query).answer();
}

namespace {

// AUTOINCREMENT's own book: it outlives the records, and is committed along with them.
Result<std::uint64_t> last_sequence(sqlite::Database& database) {
  auto last = database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'record'");
  if (!last) {
    return last.error();
  }
  auto row = last->step();
  if (!row) {
    return row.error();
  }
  const auto sequence = *row ? static_cast<std::uint64_t>(last->integer(0)) : 0;
  last->reset();  // the snapshot ends before the statement does
  return sequence;
}

// All there is of one period, by key.
Result<> add_all_time(sqlite::Database& database,
                      const std::string& period,
                      std::map<std::int64_t, Sums>& by_key) {
  auto sums = database.prepare("SELECT key, " + sum_column_names() + " FROM " + period + "_sum");
  if (!sums) {
    return sums.error();
  }
  auto flags = database.prepare("SELECT key, flag, calls FROM " + period + "_flag");
  if (!flags) {
    return flags.error();
  }
  while (true) {
    auto row = sums->step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      break;
    }
    add_sum_row(*sums, 1, by_key[sums->integer(0)]);
  }
  while (true) {
    auto row = flags->step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      return {};
    }
    by_key[flags->integer(0)].flags[flags->text(1)] +=
        static_cast<std::uint64_t>(flags->integer(2));
  }
}

// Keys of the roll-ups are numbered as they come, and keep their numbers.
Result<std::vector<Totals::Origin>> origins(sqlite::Database& database,
                                            const std::map<std::int64_t, Sums>& sums,
                                            const std::map<std::int64_t, ByModality>& modalities) {
  auto keys = database.prepare(
      "SELECT id, model, provider, host, request_kind, request_model FROM rollup_key ORDER BY id");
  if (!keys) {
    return keys.error();
  }
  std::vector<Totals::Origin> out;
  std::map<GroupKey, std::size_t> places;
  while (true) {
    auto row = keys->step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      return out;
    }
    const auto found = sums.find(keys->integer(0));
    if (found == sums.end()) {
      continue;  // all of its calls were corrected
    }
    GroupKey key{keys->maybe_text(1), keys->text(2), keys->text(3), keys->text(4),
                 keys->maybe_text(5)};
    const auto place = places.emplace(key, out.size());
    if (place.second) {
      out.push_back({std::move(key), {}});
    }
    auto& origin = out[place.first->second];
    origin.sums.add(found->second);
    if (const auto split = modalities.find(found->first); split != modalities.end()) {
      for (const auto& [modality, tokens] : split->second) {
        origin.by_modality[modality].add(tokens);
      }
    }
  }
}

}  // namespace

Result<Summary> ask_summary(sqlite::Database& database) {
  Snapshot snapshot(database);
  auto begun = snapshot.begin();
  if (!begun) {
    return begun.error();
  }
  auto state = read_rollup_state(database);
  if (!state) {
    return state.error();
  }
  const auto sequence = last_sequence(database);
  if (!sequence) {
    return sequence.error();
  }
  return Summary{state->records, state->last_started_at, *sequence};
}

Result<Totals> ask_totals(sqlite::Database& database) {
  Snapshot snapshot(database);
  auto begun = snapshot.begin();
  if (!begun) {
    return begun.error();
  }
  std::map<std::int64_t, Sums> sums;
  for (const char* period : {"quarter", "day"}) {
    auto added = add_all_time(database, period, sums);
    if (!added) {
      return added.error();
    }
  }
  auto modalities = read_modalities(database);
  if (!modalities) {
    return modalities.error();
  }
  auto groups = origins(database, sums, modalities->by_key);
  if (!groups) {
    return groups.error();
  }
  const auto sequence = last_sequence(database);
  if (!sequence) {
    return sequence.error();
  }
  return Totals{std::move(*groups), std::move(modalities->names), *sequence};
}

}  // namespace agp::ledger
