#pragma once

#include "daemon/ledger/sqlite.h"

#include <cstdint>
#include <optional>
#include <string>

/// From the schema a ledger was written with to today's, forward only.
namespace agp::ledger {

/// Version that this program writes.
[[nodiscard]] std::int64_t current_version();

/// Reads only. 0 for a file that nothing was written to.
/// @return Errc::newer_schema, or Errc::damaged for the database of another program.
[[nodiscard]] Result<std::int64_t> checked_version(sqlite::Database& database);

/// Numbered steps, one transaction each: a crash leaves a whole version. Before the first one a
/// copy of the ledger as it was is made beside it, `PATH.backup-vN`, 0600 and on the disk; it
/// replaces the copy of an earlier migration from the same version, and nothing deletes it.
/// @return Errc::full, with nothing changed, when copy and steps may not find room.
/// @param ls_uid  account of our language servers, if there is one: schema.h.
[[nodiscard]] Result<> migrate(sqlite::Database& database,
                               const std::string& path,
                               std::optional<std::uint32_t> ls_uid = std::nullopt);

/// The latest copy beside the ledger that this program can go on with, for a ledger of a later
/// version.
[[nodiscard]] std::optional<std::string> usable_backup(const std::string& path);

/// What the backup and the steps need at most: the copy, the new tables beside the old ones, and
/// the log of both.
[[nodiscard]] Result<> check_room(std::uint64_t ledger_bytes, std::uint64_t free_bytes);

}  // namespace agp::ledger
