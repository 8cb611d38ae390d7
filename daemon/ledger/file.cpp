#include "daemon/ledger/file.h"

#include "common/base/unique_fd.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ledger/migration.h"

#include <cerrno>

#include <fcntl.h>

namespace agp::ledger {
namespace {

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
                                          std::optional<std::uint64_t> max_bytes,
                                          std::optional<std::uint32_t> ls_uid) {
  auto created = create_private(path);
  if (!created) {
    return created.error();
  }
  auto database = sqlite::Database::open(path, SQLITE_OPEN_READWRITE);
  if (!database) {
    return database.error();
  }
  // A file that is refused stays as it is, its log included.
  database->checkpoint_on_close(false);
  auto version = checked_version(*database);
  if (!version) {
    return version.error();
  }
  database->checkpoint_on_close(true);
  // NORMAL: a commit is in the kernel's hands at once, so it survives a SIGKILL of this process,
  // and waits for no disk. A crash of the machine may take the last commits, never the file.
  // Source: sqlite.org/pragma.html#pragma_synchronous.
  for (const char* sql : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"}) {
    auto done = database->exec(sql);
    if (!done) {
      return done.error();
    }
  }
  auto migrated = migrate(*database, path, ls_uid);
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
