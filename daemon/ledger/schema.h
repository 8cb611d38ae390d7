#pragma once

#include <span>

namespace agp::ledger {

/// Step n (counted from 1) brings a ledger from version n-1 to n. Steps are never edited once
/// released: a change is a new step. The version is kept in `PRAGMA user_version`.
[[nodiscard]] std::span<const char* const> schema_steps();

/// "AGPL": marks the file as ours (`PRAGMA application_id`).
inline constexpr int kApplicationId = 0x4147504C;

}  // namespace agp::ledger
