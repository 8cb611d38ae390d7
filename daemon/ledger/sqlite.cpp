#include "daemon/ledger/sqlite.h"

#include "daemon/ledger/ledger.h"

#include <cerrno>
#include <utility>

namespace agp::ledger::sqlite {
namespace {

// Some failures of the disk have no code of SQLite's own.
std::optional<Errc> classify_errno(int number) {
  switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Errc::full;
    case EROFS:
    case EACCES:
    case EPERM:
      return Errc::read_only;
    default:
      return std::nullopt;
  }
}

Errc classify(int result) {
  switch (result & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Errc::damaged;
    case SQLITE_FULL:
      return Errc::full;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Errc::read_only;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
      return Errc::invalid_record;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Errc::locked;
    default:
      return Errc::unavailable;
  }
}

}  // namespace

Error last_error(sqlite3* db, std::string context) {
  const int result = sqlite3_extended_errcode(db);
  Errc code = classify(result);
  if ((result & 0xFF) == SQLITE_IOERR || (result & 0xFF) == SQLITE_CANTOPEN) {
    // SQLite does not note the number when a commit fails; it is still the thread's last one.
    sqlite3_vfs* files = sqlite3_vfs_find(nullptr);
    const int noted = sqlite3_system_errno(db);
    code =
        classify_errno(noted != 0 ? noted : files->xGetLastError(files, 0, nullptr)).value_or(code);
  }
  return {code, std::move(context) + ": " + sqlite3_errmsg(db)};
}

Error error_of(int result, std::string context) {
  return {classify(result), std::move(context) + ": " + sqlite3_errstr(result)};
}

void Statement::bind(int index, std::int64_t value) {
  (void)sqlite3_bind_int64(statement_.get(), index, value);  // fails only for a wrong index
}

void Statement::bind(int index, double value) {
  (void)sqlite3_bind_double(statement_.get(), index, value);
}

void Statement::bind(int index, std::string_view value) {
  (void)sqlite3_bind_text64(statement_.get(), index, value.data(), value.size(), SQLITE_TRANSIENT,
                            SQLITE_UTF8);
}

void Statement::bind_borrowed(int index, std::string_view value) {
  (void)sqlite3_bind_text64(statement_.get(), index, value.data(), value.size(), SQLITE_STATIC,
                            SQLITE_UTF8);
}

void Statement::bind_null(int index) {
  (void)sqlite3_bind_null(statement_.get(), index);
}

Result<bool> Statement::step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) {
    return true;
  }
  if (result == SQLITE_DONE) {
    return false;
  }
  return last_error(sqlite3_db_handle(statement_.get()), "run statement");
}

void Statement::reset() {
  (void)sqlite3_reset(statement_.get());  // repeats the error that step() has already returned
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* data = sqlite3_column_text(statement_.get(), column);
  const auto size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr) {
    return {};
  }
  return {reinterpret_cast<const char*>(data), static_cast<std::size_t>(size)};
}

std::optional<std::int64_t> Statement::maybe_integer(int column) const {
  if (is_null(column)) {
    return std::nullopt;
  }
  return integer(column);
}

std::optional<std::string> Statement::maybe_text(int column) const {
  if (is_null(column)) {
    return std::nullopt;
  }
  return text(column);
}

Result<Database> Database::open(const std::string& path, int flags) {
  // Counting its memory takes a lock for every allocation, and nobody asks for the counts.
  [[maybe_unused]] static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database;
  database.db_.reset(raw);  // set on failure too, unless out of memory
  if (result != SQLITE_OK) {
    return raw == nullptr ? error_of(result, "open " + path) : last_error(raw, "open " + path);
  }
  (void)sqlite3_extended_result_codes(raw, 1);
  // Another process (a backup, sqlite3 by hand) may hold the lock for a moment.
  (void)sqlite3_busy_timeout(raw, 2000);
  return database;
}

Result<> Database::exec(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return last_error(db_.get(), "run statement");
  }
  return {};
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int result =
      sqlite3_prepare_v2(db_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (result != SQLITE_OK) {
    return last_error(db_.get(), "prepare statement");
  }
  return Statement(raw);
}

void Database::checkpoint_on_close(bool wanted) {
  // Fails only for an unknown option.
  (void)sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, wanted ? 0 : 1, nullptr);
}

Result<bool> Database::has_moved() {
  int moved = 0;
  const int result = sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (result != SQLITE_OK) {
    return error_of(result, "look for the file");
  }
  return moved != 0;
}

Result<std::int64_t> Database::integer(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) {
    return statement.error();
  }
  auto row = statement->step();
  if (!row) {
    return row.error();
  }
  return *row ? statement->integer(0) : 0;
}

}  // namespace agp::ledger::sqlite
