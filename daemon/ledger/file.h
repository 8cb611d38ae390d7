#pragma once

#include "daemon/ledger/sqlite.h"

#include <cstdint>
#include <optional>
#include <string>

/// Opening a ledger file: modes, marks and schema steps.
namespace agp::ledger {

/// Creates the file (0600) if need be, brings it to the current schema (migration.h), sets WAL
/// mode.
/// @return Errc::newer_schema when a later version wrote it; it is left as it is.
[[nodiscard]] Result<sqlite::Database> open_for_writing(
    const std::string& path,
    std::optional<std::uint64_t> max_bytes,
    std::optional<std::uint32_t> ls_uid = std::nullopt);

/// Opens an existing ledger of exactly the current schema, read-only.
[[nodiscard]] Result<sqlite::Database> open_for_reading(const std::string& path);

}  // namespace agp::ledger
