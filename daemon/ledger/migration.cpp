#include "daemon/ledger/migration.h"

#include "common/base/unique_fd.h"
#include "common/log/log.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ledger/schema.h"

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string_view>

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace agp::ledger {
namespace {

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr const char* kSignature =
    "DELETE FROM written_by; INSERT INTO written_by VALUES ('" AGP_VERSION "');";

std::string directory_of(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Error copy_error(const std::string& context) {
  const int number = errno;
  const bool is_full = number == ENOSPC || number == EDQUOT;
  return {is_full ? Errc::full : Errc::unavailable, errno_error(number, context).text()};
}

Result<> sync_path(const std::string& path, int flags) {
  const UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd.is_open() || ::fsync(fd.get()) != 0) {
    return copy_error("sync " + path);
  }
  return {};
}

Result<> find_room(sqlite::Database& database, const std::string& path) {
  auto pages = database.integer("PRAGMA page_count");
  if (!pages) {
    return pages.error();
  }
  auto page_size = database.integer("PRAGMA page_size");
  if (!page_size) {
    return page_size.error();
  }
  struct statvfs disk {};
  if (::statvfs(directory_of(path).c_str(), &disk) != 0) {
    return copy_error("look at the disk of " + path);
  }
  return check_room(static_cast<std::uint64_t>(*pages * *page_size),
                    static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize);
}

// VACUUM INTO copies one state of the ledger, what stands in its log included.
Result<> copy_into(sqlite::Database& database, const std::string& copy) {
  (void)::unlink(copy.c_str());  // of a migration that was cut short
  {
    const UniqueFd fd(::open(copy.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd.is_open()) {
      return copy_error("create " + copy);
    }
  }
  auto statement = database.prepare("VACUUM INTO ?");
  if (!statement) {
    return statement.error();
  }
  statement->bind(1, std::string_view(copy));
  auto copied = statement->step();
  if (!copied) {
    return copied.error();
  }
  return sync_path(copy, O_RDONLY);
}

std::string backup_of(const std::string& path, std::int64_t version) {
  return path + ".backup-v" + std::to_string(version);
}

Result<> back_up(sqlite::Database& database, const std::string& path, std::int64_t version) {
  auto room = find_room(database, path);
  if (!room) {
    return room;
  }
  const std::string backup = backup_of(path, version);
  const std::string fresh = backup + ".new";
  auto copied = copy_into(database, fresh);
  if (!copied) {
    (void)::unlink(fresh.c_str());  // half a copy is none
    return copied;
  }
  if (::rename(fresh.c_str(), backup.c_str()) != 0) {
    return copy_error("rename " + fresh);
  }
  auto synced = sync_path(directory_of(path), O_RDONLY | O_DIRECTORY);
  if (!synced) {
    return synced;
  }
  log::notice("usage ledger is brought to a new schema, a copy of the old one is kept",
              {{"FILE", backup}, {"FROM", version}, {"TO", current_version()}});
  return {};
}

// Of a later schema. Empty when it does not say.
std::string writer_of(sqlite::Database& database) {
  auto statement = database.prepare("SELECT version FROM written_by");
  if (!statement) {
    return {};
  }
  const auto row = statement->step();
  return row && *row ? statement->text(0) : std::string();
}

Error newer(sqlite::Database& database, std::int64_t version) {
  const auto writer = writer_of(database);
  return {Errc::newer_schema,
          "schema version " + std::to_string(version) +
              (writer.empty() ? "" : ", written by antigravity-proxy " + writer) +
              "; this is antigravity-proxy " AGP_VERSION ", which knows " +
              std::to_string(current_version())};
}

std::string step_text(std::string step, std::optional<std::uint32_t> ls_uid) {
  const auto at = step.find(kLsUid);
  if (at != std::string::npos) {
    step.replace(at, std::string_view(kLsUid).size(), ls_uid ? std::to_string(*ls_uid) : "NULL");
  }
  return step;
}

Result<> apply_step(sqlite::Database& database,
                    std::int64_t step,
                    std::optional<std::uint32_t> ls_uid) {
  const std::string sql = "BEGIN IMMEDIATE;" +
                          step_text(schema_steps()[static_cast<std::size_t>(step)], ls_uid) +
                          (step + 1 < kFirstWithWriter ? "" : kSignature) +
                          "PRAGMA application_id = " + std::to_string(kApplicationId) +
                          ";PRAGMA user_version = " + std::to_string(step + 1) + ";COMMIT;";
  auto done = database.exec(sql.c_str());
  if (!done) {
    (void)database.exec("ROLLBACK");  // the step's own error is the one to report
  }
  return done;
}

}  // namespace

std::int64_t current_version() {
  return static_cast<std::int64_t>(schema_steps().size());
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
    return newer(database, *version);
  }
  return *version;
}

Result<> migrate(sqlite::Database& database,
                 const std::string& path,
                 std::optional<std::uint32_t> ls_uid) {
  auto version = checked_version(database);
  if (!version) {
    return version.error();
  }
  if (*version > 0 && *version < current_version()) {
    auto backed_up = back_up(database, path, *version);
    if (!backed_up) {
      return backed_up;
    }
  }
  for (std::int64_t step = *version; step < current_version(); ++step) {
    auto done = apply_step(database, step, ls_uid);
    if (!done) {
      return done;
    }
  }
  return {};
}

std::optional<std::string> usable_backup(const std::string& path) {
  for (auto version = current_version(); version > 0; --version) {
    auto backup = backup_of(path, version);
    if (::access(backup.c_str(), F_OK) == 0) {
      return backup;
    }
  }
  return std::nullopt;
}

Result<> check_room(std::uint64_t ledger_bytes, std::uint64_t free_bytes) {
  const std::uint64_t needed = 4 * ledger_bytes + kMiB;
  if (free_bytes >= needed) {
    return {};
  }
  return Error{Errc::full, "bringing the ledger to a new schema needs " +
                               std::to_string(needed / kMiB) + " MiB beside it, " +
                               std::to_string(free_bytes / kMiB) + " MiB are free"};
}

}  // namespace agp::ledger
