#include "daemon/ledger/file.h"

#include "common/base/unique_fd.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ledger/schema.h"

#include <fcntl.h>

namespace agp::ledger {
namespace {

std::int64_t current_version() {
  return static_cast<std::int64_t>(schema_steps().size());
}

Result<> create_private(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.is_open()) {
    const auto error = errno_error("open " + path);
    const Errc code =
        errno == ENOSPC || errno == EDQUOT
            ? Errc::full
            : (errno == EROFS || errno == EACCES ? Errc::read_only : Errc::unavailable);
    return Error{code, error.text()};
  }
  return {};
}

Result<std::int64_t> checked_version(sqlite::Database& database) {
  auto version = database.integer("PRAGMA user_version");
  if (!version) {
    return version.error();
  }
  auto mark = database.integer("PRAGMA application_id");
  if (!mark) {
    return mark.error();
  }
  auto tables = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) {
    return tables.error();
  }
  const bool is_fresh = *version == 0 && *mark == 0 && *tables == 0;
  if (!is_fresh && *mark != kApplicationId) {
    return Error{Errc::damaged, "the file is a database of another program"};
  }
  if (*version > current_version()) {
    return Error{Errc::newer_schema, "schema version " + std::to_string(*version) +
                                         ", this program knows " +
                                         std::to_string(current_version())};
  }
  return *version;
}

Result<> apply_step(sqlite::Database& database, std::int64_t step) {
  // One transaction per step: a crash leaves the ledger at a whole version.
  const std::string sql = "BEGIN IMMEDIATE;" +
                          std::string(schema_steps()[static_cast<std::size_t>(step)]) +
                          "PRAGMA application_id = " + std::to_string(kApplicationId) +
                          ";PRAGMA user_version = " + std::to_string(step + 1) + ";COMMIT;";
  auto done = database.exec(sql.c_str());
  if (!done) {
    (void)database.exec("ROLLBACK");  // the step's own error is the one to report
  }
  return done;
}

Result<> migrate(sqlite::Database& database) {
  auto version = checked_version(database);
  if (!version) {
    return version.error();
  }
  for (std::int64_t step = *version; step < current_version(); ++step) {
    auto done = apply_step(database, step);
    if (!done) {
      return done.error();
    }
  }
  return {};
}

Result<> limit_size(sqlite::Database& database, std::uint64_t max_bytes) {
  auto page_size = database.integer("PRAGMA page_size");
  if (!page_size) {
    return page_size.error();
  }
  const auto pages = max_bytes / static_cast<std::uint64_t>(*page_size);
  return database.exec(("PRAGMA max_page_count = " + std::to_string(pages)).c_str());
}

}  // namespace

Result<sqlite::Database> open_for_writing(const std::string& path,
                                          std::optional<std::uint64_t> max_bytes) {
  auto created = create_private(path);
  if (!created) {
    return created.error();
  }
  auto database = sqlite::Database::open(path, SQLITE_OPEN_READWRITE);
  if (!database) {
    return database.error();
  }
  // NORMAL: a commit is in the kernel's hands at once, so it survives a SIGKILL of this process,
  // and the next record waits for no disk. With FULL each commit waits for an fsync, and a kill
  // meanwhile loses all that queued behind it. A power cut may take the last commits, never the
  // file. Source: sqlite.org/pragma.html#pragma_synchronous.
  for (const char* sql : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"}) {
    auto done = database->exec(sql);
    if (!done) {
      return done.error();
    }
  }
  auto migrated = migrate(*database);
  if (!migrated) {
    return migrated.error();
  }
  if (max_bytes) {
    auto limited = limit_size(*database, *max_bytes);
    if (!limited) {
      return limited.error();
    }
  }
  return database;
}

Result<sqlite::Database> open_for_reading(const std::string& path) {
  auto database = sqlite::Database::open(path, SQLITE_OPEN_READONLY);
  if (!database) {
    return database.error();
  }
  auto version = checked_version(*database);
  if (!version) {
    return version.error();
  }
  if (*version != current_version()) {
    return Error{Errc::unavailable, "the ledger has not been set up yet"};
  }
  return database;
}

}  // namespace agp::ledger
