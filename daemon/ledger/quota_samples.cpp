#include "daemon/ledger/quota_samples.h"

#include "common/log/log.h"
#include "daemon/quota/points.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace agp::ledger {
namespace {

constexpr std::int64_t kMostSamples = 200'000;  // some 15 MiB with their indices
constexpr std::uint64_t kSampleOctets = 80;     // row and index, generously
constexpr std::int64_t kSamplesPerStep = 1000;

std::int64_t micros(usage::Micros at) {
  return at.time_since_epoch().count();
}

usage::Micros at_micros(std::int64_t value) {
  return usage::Micros(std::chrono::microseconds(value));
}

quota::Point read_point(const sqlite::Statement& row) {
  quota::Point out;
  out.at = at_micros(row.integer(0));
  out.remaining = row.real(1);
  if (const auto resets_at = row.maybe_integer(2)) {
    out.resets_at = at_micros(*resets_at);
  }
  return out;
}

Result<std::vector<quota::Point>> read_points(sqlite::Statement& statement) {
  std::vector<quota::Point> out;
  while (true) {
    auto row = statement.step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      return out;
    }
    out.push_back(read_point(statement));
  }
}

void bind_series(sqlite::Statement& statement, const quota::Series& series) {
  statement.bind(1, std::int64_t{series.owner_uid});
  statement.bind(2, std::string_view(name(series.kind)));
  statement.bind(3, std::string_view(series.id));
  statement.bind(4, std::string_view(series.name));
  statement.bind(5, std::string_view(series.window));
}

// The statements of one batch.
class Keeper {
 public:
  explicit Keeper(sqlite::Database& database) : database_(database) {}

  [[nodiscard]] Result<> prepare() {
    for (auto& [statement, sql] :
         {std::pair{&add_series_,
                    "INSERT OR IGNORE INTO quota_series"
                    " (owner_uid, kind, quota_id, name, window)"
                    " VALUES (?, ?, ?, ?, ?)"},
          {&find_series_,
           "SELECT id FROM quota_series WHERE owner_uid = ? AND kind = ?"
           " AND quota_id = ? AND name = ? AND window = ?"},
          {&before_,
           "SELECT at, remaining, resets_at FROM quota_sample"
           " WHERE series = ? AND at <= ? ORDER BY at DESC LIMIT 2"},
          {&after_,
           "SELECT at, remaining, resets_at FROM quota_sample"
           " WHERE series = ? AND at > ? ORDER BY at LIMIT 1"},
          {&add_,
           "INSERT INTO quota_sample (series, at, remaining, resets_at)"
           " VALUES (?, ?, ?, ?)"},
          {&remove_, "DELETE FROM quota_sample WHERE series = ? AND at = ?"}}) {
      auto prepared = database_.prepare(sql);
      if (!prepared) {
        return prepared.error();
      }
      *statement = std::move(*prepared);
    }
    return {};
  }

  [[nodiscard]] Result<> keep(const quota::Sample& sample) {
    auto series = id_of(sample.series);
    if (!series) {
      return series.error();
    }
    auto before = points(before_, *series, sample.point.at);
    if (!before) {
      return before.error();
    }
    std::reverse(before->begin(), before->end());
    auto after = points(after_, *series, sample.point.at);
    if (!after) {
      return after.error();
    }
    const auto next = after->empty() ? std::nullopt : std::optional(after->front());
    switch (quota::place(*before, next, sample.point)) {
      case quota::Placement::not_needed:
        return {};
      case quota::Placement::moves_last:
        if (auto removed = remove(*series, before->back().at); !removed) {
          return removed;
        }
        break;
      case quota::Placement::added:
        break;
    }
    return add(*series, sample.point);
  }

 private:
  static Result<> run(sqlite::Statement& statement) {
    auto done = statement.step();
    statement.reset();
    return done ? Result<>() : Result<>(done.error());
  }

  [[nodiscard]] Result<std::int64_t> id_of(const quota::Series& series) {
    bind_series(add_series_, series);
    if (auto added = run(add_series_); !added) {
      return added.error();
    }
    bind_series(find_series_, series);
    auto row = find_series_.step();
    if (!row) {
      return row.error();
    }
    const auto id = find_series_.integer(0);  // it is there: it was just added
    find_series_.reset();
    return id;
  }

  [[nodiscard]] static Result<std::vector<quota::Point>> points(sqlite::Statement& statement,
                                                                std::int64_t series,
                                                                usage::Micros at) {
    statement.bind(1, series);
    statement.bind(2, micros(at));
    auto out = read_points(statement);
    statement.reset();
    return out;
  }

  [[nodiscard]] Result<> remove(std::int64_t series, usage::Micros at) {
    remove_.bind(1, series);
    remove_.bind(2, micros(at));
    return run(remove_);
  }

  [[nodiscard]] Result<> add(std::int64_t series, const quota::Point& point) {
    add_.bind(1, series);
    add_.bind(2, micros(point.at));
    add_.bind(3, point.remaining);
    point.resets_at ? add_.bind(4, micros(*point.resets_at)) : add_.bind_null(4);
    return run(add_);
  }

  sqlite::Database& database_;
  sqlite::Statement add_series_;
  sqlite::Statement find_series_;
  sqlite::Statement before_;
  sqlite::Statement after_;
  sqlite::Statement add_;
  sqlite::Statement remove_;
};

Result<> delete_beyond(sqlite::Database& database, std::int64_t most) {
  auto count = database.integer("SELECT count(*) FROM quota_sample");
  if (!count) {
    return count.error();
  }
  if (*count <= most) {
    return {};
  }
  auto statement = database.prepare(
      "DELETE FROM quota_sample WHERE (series, at) IN"
      " (SELECT series, at FROM quota_sample ORDER BY at LIMIT ?)");
  if (!statement) {
    return statement.error();
  }
  statement->bind(1, *count - most);
  auto done = statement->step();
  return done ? Result<>() : Result<>(done.error());
}

std::string owners_sql(const QuotaQuery& query) {
  if (!query.owners) {
    return "";
  }
  std::string list;
  for (const auto uid : *query.owners) {
    list += (list.empty() ? "" : ",") + std::to_string(uid);
  }
  return " WHERE owner_uid IN (" + list + ")";
}

}  // namespace

std::int64_t most_samples(std::optional<std::uint64_t> max_bytes) {
  return max_bytes
             ? std::min(kMostSamples, static_cast<std::int64_t>(*max_bytes / 8 / kSampleOctets))
             : kMostSamples;
}

Result<> keep_samples(sqlite::Database& database,
                      std::span<const quota::Sample* const> samples,
                      std::int64_t most) {
  if (samples.empty()) {
    return {};
  }
  Keeper keeper(database);
  if (auto prepared = keeper.prepare(); !prepared) {
    return prepared;
  }
  for (const auto* sample : samples) {
    auto kept = keeper.keep(*sample);
    if (!kept && kept.error().code != Errc::invalid_record) {
      return kept;
    }
    if (!kept) {
      log::err("quota sample cannot be kept", {{"ERROR", kept.error()}});
    }
  }
  return delete_beyond(database, most);
}

Result<std::uint64_t> delete_samples(sqlite::Database& database, usage::Micros limit) {
  auto statement = database.prepare(
      "DELETE FROM quota_sample WHERE (series, at) IN"
      " (SELECT series, at FROM quota_sample WHERE at < ? ORDER BY at LIMIT ?)");
  if (!statement) {
    return statement.error();
  }
  statement->bind(1, micros(limit));
  statement->bind(2, kSamplesPerStep);
  if (auto done = statement->step(); !done) {
    return done.error();
  }
  const auto gone = static_cast<std::uint64_t>(database.changes());
  if (gone > 0) {
    auto tidied =
        database.exec("DELETE FROM quota_series WHERE id NOT IN (SELECT series FROM quota_sample)");
    if (!tidied) {
      return tidied.error();
    }
  }
  return gone;
}

Result<std::vector<quota::Course>> ask_quota(sqlite::Database& database, const QuotaQuery& query) {
  auto select = database.prepare(
      "SELECT owner_uid, kind, quota_id, name, window, id"
      " FROM quota_series" +
      owners_sql(query) + " ORDER BY owner_uid, kind, quota_id, id");
  if (!select) {
    return select.error();
  }
  auto read = database.prepare(
      "SELECT at, remaining, resets_at FROM quota_sample WHERE series = ?1 AND at < ?3"
      " AND at >= CASE WHEN ?4 THEN ifnull((SELECT max(at) FROM quota_sample WHERE series = ?1"
      " AND at < ?2), ?2) ELSE ?2 END ORDER BY at");
  if (!read) {
    return read.error();
  }
  std::vector<quota::Course> out;
  while (true) {
    auto row = select->step();
    if (!row) {
      return row.error();
    }
    if (!*row) {
      return out;
    }
    const auto kind = quota::kind_from(select->text(1));
    if (!kind) {
      continue;  // no version has written another one
    }
    read->bind(1, select->integer(5));
    read->bind(2, query.since ? micros(*query.since) : std::numeric_limits<std::int64_t>::min());
    read->bind(3, query.until ? micros(*query.until) : std::numeric_limits<std::int64_t>::max());
    read->bind(4, std::int64_t{query.with_one_before ? 1 : 0});
    auto points = read_points(*read);
    read->reset();
    if (!points) {
      return points.error();
    }
    if (!points->empty()) {
      out.push_back({{static_cast<std::uint32_t>(select->integer(0)), *kind, select->text(2),
                      select->text(3), select->text(4)},
                     std::move(*points)});
    }
  }
}

}  // namespace agp::ledger
