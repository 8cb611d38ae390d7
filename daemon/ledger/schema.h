#pragma once

#include <span>

namespace agp::ledger {

/// Step n (counted from 1) brings a ledger from version n-1 to n. Steps are never edited once
/// released: a change is a new step. The version is kept in `PRAGMA user_version`. Where a step
/// says kLsUid, once, the uid of our language servers' account is put, or NULL.
[[nodiscard]] std::span<const char* const> schema_steps();

inline constexpr const char* kLsUid = "@ls_uid@";

/// From this version on the table `written_by` is there, in every later one too: older programs
/// read it.
inline constexpr int kFirstWithWriter = 6;

/// "AGPL": marks the file as ours (`PRAGMA application_id`).
inline constexpr int kApplicationId = 0x4147504C;

}  // namespace agp::ledger
