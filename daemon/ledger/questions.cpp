#include "daemon/ledger/questions.h"

#include "daemon/ledger/row.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <variant>

namespace agp::ledger {
namespace {

using std::chrono::microseconds;

constexpr std::int64_t kQuarterHour = 900'000'000;
constexpr std::int64_t kHour = 4 * kQuarterHour;
constexpr std::int64_t kDay = 24 * kHour;

using Value = std::variant<std::int64_t, std::string>;

struct Where {
  std::string sql = "1";
  std::vector<Value> values;

  void add(const char* condition, Value value) {
    sql += " AND ";
    sql += condition;
    values.push_back(std::move(value));
  }

  void bind(sqlite::Statement& statement) const {
    int index = 0;
    for (const auto& value : values) {
      ++index;
      if (const auto* number = std::get_if<std::int64_t>(&value)) {
        statement.bind(index, *number);
      } else {
        statement.bind(index, std::string_view(std::get<std::string>(value)));
      }
    }
  }
};

Where where_of(const Filter& filter) {
  Where where;
  if (filter.since) {
    where.add("started_at >= ?", filter.since->time_since_epoch().count());
  }
  if (filter.until) {
    where.add("started_at < ?", filter.until->time_since_epoch().count());
  }
  if (filter.model) {
    where.add("model = ?", *filter.model);
  }
  if (filter.cascade) {
    where.add("cascade_id = ?", *filter.cascade);
  }
  if (filter.uids) {
    std::string list;
    for (const auto uid : *filter.uids) {
      list += list.empty() ? "" : ",";
      list += std::to_string(uid);
    }
    where.sql += " AND local_uid IN (" + list + ")";
  }
  return where;
}

// Days and hours are cut after the query, because a time zone's day need not be a UTC day: rows
// come grouped by the widest bucket that no cut divides.
std::int64_t bucket_width(const Query& query) {
  if (query.utc_offset) {
    return kQuarterHour;
  }
  return std::count(query.group_by.begin(), query.group_by.end(), GroupBy::hour) != 0 ? kHour
                                                                                      : kDay;
}

std::string column_of(GroupBy group, std::int64_t width) {
  switch (group) {
    case GroupBy::model:
      return "model";
    case GroupBy::provider:
      return "provider";
    case GroupBy::host:
      return "host";
    case GroupBy::cascade:
      return "cascade_id";
    case GroupBy::kind:
      return "request_kind";
    case GroupBy::uid:
      return "local_uid";
    case GroupBy::day:
    case GroupBy::hour:
      return "started_at / " + std::to_string(width);
  }
  return "NULL";
}

std::string local_time(GroupBy group, usage::Micros at, const Query& query) {
  const auto offset = query.utc_offset ? query.utc_offset(at) : std::chrono::minutes(0);
  const auto local = at + offset;
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  char text[48];
  if (group == GroupBy::day) {
    (void)std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    return text;
  }
  const auto hour = std::chrono::floor<std::chrono::hours>(local - day).count();
  char zone[16] = "Z";
  if (query.utc_offset) {
    const auto minutes = std::abs(offset.count());
    (void)std::snprintf(zone, sizeof zone, "%c%02d:%02d", offset.count() < 0 ? '-' : '+',
                        static_cast<int>(minutes / 60), static_cast<int>(minutes % 60));
  }
  (void)std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:00:00%s",
                      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                      static_cast<unsigned>(date.day()), static_cast<int>(hour), zone);
  return text;
}

GroupKey key_of(const sqlite::Statement& row, const Query& query, std::int64_t width) {
  GroupKey key;
  for (std::size_t i = 0; i < query.group_by.size(); ++i) {
    const auto group = query.group_by[i];
    const auto column = static_cast<int>(i);
    if (group == GroupBy::day || group == GroupBy::hour) {
      const usage::Micros at(microseconds(row.integer(column) * width));
      key.emplace_back(local_time(group, at, query));
    } else {
      key.push_back(row.maybe_text(column));
    }
  }
  return key;
}

Sums sums_of(const sqlite::Statement& row, int column) {
  const auto next = [&] {
    return static_cast<std::uint64_t>(row.integer(column++));
  };
  Sums sums;
  sums.calls = next();
  sums.ok = next();
  sums.partial = next();
  sums.errors = next();
  sums.usage_unknown = next();
  sums.input_total = next();
  sums.input_uncached = next();
  sums.cached_input = next();
  sums.cache_write = next();
  sums.tool_use_prompt = next();
  sums.output_total = next();
  sums.reasoning = next();
  sums.total = next();
  sums.reasoning_unknown = next();
  sums.unpriced = next();
  if (!row.is_null(column)) {
    sums.cost_pico_usd = static_cast<std::uint64_t>(row.integer(column));
  }
  return sums;
}

constexpr const char* kSumColumns =
    "count(*), sum(outcome = 'ok'), sum(outcome = 'partial'), sum(outcome = 'error'),"
    " sum(input_total IS NULL), sum(input_total), sum(input_uncached), sum(cached_input),"
    " sum(cache_write), sum(tool_use_prompt), sum(output_total), sum(reasoning), sum(total),"
    " sum(input_total IS NOT NULL AND reasoning IS NULL), sum(cost_pico_usd IS NULL),"
    " sum(cost_pico_usd)";

// "a, b" and " GROUP BY 1, 2" for the key columns; both empty without grouping.
struct Grouping {
  std::string columns;
  std::string clause;
};

Grouping grouping_of(const Query& query, std::int64_t width) {
  Grouping out;
  for (std::size_t i = 0; i < query.group_by.size(); ++i) {
    out.columns += column_of(query.group_by[i], width) + ", ";
    out.clause += (i == 0 ? " GROUP BY " : ", ") + std::to_string(i + 1);
  }
  return out;
}

using Groups = std::map<GroupKey, Sums>;

Result<> add_sums(sqlite::Database& database, const Query& query, Groups& groups) {
  const auto width = bucket_width(query);
  const auto grouping = grouping_of(query, width);
  const auto where = where_of(query.filter);
  auto statement = database.prepare("SELECT " + grouping.columns + kSumColumns +
                                    " FROM record WHERE " + where.sql + grouping.clause);
  if (!statement) {
    return statement.error();
  }
  where.bind(*statement);
  while (true) {
    auto row = statement->step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      return {};
    }
    groups[key_of(*statement, query, width)].add(
        sums_of(*statement, static_cast<int>(query.group_by.size())));
  }
}

Result<> add_flags(sqlite::Database& database, const Query& query, Groups& groups) {
  const auto width = bucket_width(query);
  const auto grouping = grouping_of(query, width);
  const auto where = where_of(query.filter);
  const auto keys = query.group_by.size();
  auto statement = database.prepare(
      "SELECT " + grouping.columns +
      "flag.value, count(*) FROM record, json_each(record.flags) AS flag" +
      " WHERE record.flags IS NOT NULL AND " + where.sql +
      (keys == 0 ? " GROUP BY " : grouping.clause + ", ") + std::to_string(keys + 1));
  if (!statement) {
    return statement.error();
  }
  where.bind(*statement);
  while (true) {
    auto row = statement->step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      return {};
    }
    const auto column = static_cast<int>(keys);
    groups[key_of(*statement, query, width)].flags[statement->text(column)] +=
        static_cast<std::uint64_t>(statement->integer(column + 1));
  }
}

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
  Groups groups;
  auto summed = add_sums(database, query, groups);
  if (!summed) {
    return summed.error();
  }
  auto flagged = add_flags(database, query, groups);
  if (!flagged) {
    return flagged.error();
  }
  Report report;
  for (auto& [key, sums] : groups) {
    report.totals.add(sums);
    if (!query.group_by.empty()) {
      report.groups.push_back({key, std::move(sums)});
    }
  }
  return report;
}

Result<Page> ask_records(sqlite::Database& database, const PageQuery& query) {
  auto where = where_of(query.filter);
  if (query.cursor) {
    where.add("id < ?", *query.cursor);
  }
  auto statement =
      database.prepare("SELECT " + record_columns() + " FROM record WHERE " + where.sql +
                       " ORDER BY id DESC LIMIT " + std::to_string(query.limit + 1));
  if (!statement) {
    return statement.error();
  }
  where.bind(*statement);
  Page page;
  while (true) {
    auto row = statement->step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      return page;
    }
    if (page.records.size() == query.limit) {
      if (!page.records.empty()) {
        page.next = page.records.back().id;
      }
      return page;
    }
    page.records.push_back(read_record(*statement));
  }
}

Result<Summary> ask_summary(sqlite::Database& database) {
  auto statement = database.prepare("SELECT count(*), max(started_at) FROM record");
  if (!statement) {
    return statement.error();
  }
  auto row = statement->step();
  if (!row) {
    return row.error();
  }
  Summary summary;
  summary.records = static_cast<std::uint64_t>(statement->integer(0));
  if (const auto last = statement->maybe_integer(1)) {
    summary.last_started_at = usage::Micros(microseconds(*last));
  }
  return summary;
}

}  // namespace agp::ledger
