#include "daemon/ledger/questions.h"
#include "daemon/ledger/row.h"

#include <charconv>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace agp::ledger {
namespace {

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
  if (filter.provider) {
    where.add("provider = ?", name(*filter.provider));
  }
  if (filter.host) {
    where.add("host = ?", *filter.host);
  }
  if (filter.kind) {
    where.add("request_kind = ?", name(*filter.kind));
  }
  if (filter.uid) {
    where.add("local_uid = ?", std::int64_t{*filter.uid});
  }
  if (filter.owners) {
    std::string list;
    for (const auto uid : *filter.owners) {
      list += list.empty() ? "" : ",";
      list += std::to_string(uid);
    }
    where.sql += " AND owner_uid IN (" + list + ")";
  }
  return where;
}

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

Result<> add_cursor(const PageQuery& query, Where& where) {
  if (!query.cursor) {
    return {};
  }
  const std::string_view cursor = *query.cursor;
  if (query.order == Order::by_commit) {
    if (const auto sequence = number_of(cursor)) {
      where.add("sequence > ?", *sequence);
      return {};
    }
  } else if (const auto dot = cursor.find('.'); dot != std::string_view::npos) {
    const auto started_at = number_of(cursor.substr(0, dot));
    const auto sequence = number_of(cursor.substr(dot + 1));
    if (started_at && sequence) {
      where.add("(started_at, sequence) < (?", *started_at);
      where.sql += ", ?)";
      where.values.emplace_back(*sequence);
      return {};
    }
  }
  return Error{Errc::invalid_query, "cursor: not the next_cursor of a page in this order"};
}

std::string cursor_after(const usage::Record& record, Order order) {
  const auto sequence = std::to_string(record.sequence);
  return order == Order::by_commit
             ? sequence
             : std::to_string(record.started_at.time_since_epoch().count()) + "." + sequence;
}

// Both orders are those of an index, so that a page costs what it holds and memory stays small
// however many records there are. A cascade has few records: SQLite takes its index and sorts.
std::string select_of(const PageQuery& query, const Where& where) {
  const bool is_by_commit = query.order == Order::by_commit;
  const char* index = is_by_commit ? " NOT INDEXED" : " INDEXED BY record_started_at";
  return "SELECT " + record_columns() + " FROM record" + (query.filter.cascade ? "" : index) +
         " WHERE " + where.sql + " ORDER BY " +
         (is_by_commit ? "sequence" : "started_at DESC, sequence DESC") + " LIMIT " +
         std::to_string(query.limit + 1);
}

}  // namespace

Result<Page> ask_records(sqlite::Database& database, const PageQuery& query) {
  auto where = where_of(query.filter);
  auto placed = add_cursor(query, where);
  if (!placed) {
    return placed.error();
  }
  auto statement = database.prepare(select_of(query, where));
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
        page.next = cursor_after(page.records.back(), query.order);
      }
      return page;
    }
    page.records.push_back(read_record(*statement));
  }
}

}  // namespace agp::ledger
