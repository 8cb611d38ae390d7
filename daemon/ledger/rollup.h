#pragma once

#include "common/base/result.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ledger/sqlite.h"
#include "daemon/usage/record.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

/// Sums kept along with the records: one row per quarter-hour and key, where a key is model,
/// provider, host, kind, uid, owner and the model that was asked for; and the same per cascade. A
/// quarter-hour divides every local hour and day there is, so questions in any time zone are exact.
/// docs/adr/0017-roll-ups.md.
namespace agp::ledger {

inline constexpr std::int64_t kQuarterHour = 900'000'000;  // microseconds
inline constexpr std::int64_t kQuartersPerDay = 96;

[[nodiscard]] std::int64_t floor_divide(std::int64_t value, std::int64_t by);
[[nodiscard]] std::int64_t saturating_add(std::int64_t left, std::int64_t right);
/// Quarter-hours since the epoch, UTC.
[[nodiscard]] std::int64_t quarter_of(usage::Micros at);
[[nodiscard]] usage::Micros start_of_quarter(std::int64_t quarter);

struct SumColumn {
  const char* name;       // in the tables of roll-ups
  const char* of_record;  // the same of one row of `record`, as SQL
};
inline constexpr std::size_t kSumColumnCount = 16;
/// In the order of Sums.
[[nodiscard]] const std::array<SumColumn, kSumColumnCount>& sum_columns();

using SumRow = std::array<std::int64_t, kSumColumnCount>;
/// What one record adds; the same as `of_record` of its row.
[[nodiscard]] SumRow sum_row_of(const usage::Record& record);
/// Reads kSumColumnCount columns from `first_column` on.
void add_sum_row(const sqlite::Statement& row, int first_column, Sums& sums);

/// "a = min(a + excluded.a, LARGEST), ...": a sum that no longer fits stays at the largest number
/// instead of stopping the writer.
[[nodiscard]] const std::string& add_excluded_sums();
/// "calls, ok, ..."
[[nodiscard]] const std::string& sum_column_names();

/// Adds records to their sums. Runs inside the caller's transaction; each record must be new in
/// the ledger.
[[nodiscard]] Result<> add_to_rollups(sqlite::Database& database,
                                      std::span<const usage::Record* const> kept);

/// A kept record was corrected (its cascade, say): takes `before` out and puts `after` in. Runs
/// inside the transaction that changes its row; the row must exist.
[[nodiscard]] Result<> move_in_rollups(sqlite::Database& database,
                                       const usage::Record& before,
                                       const usage::Record& after);

struct RollupState {
  std::uint64_t records = 0;  // ever kept, whatever became of their rows
  std::optional<usage::Micros> last_started_at;
  std::int64_t raw_from = INT64_MIN;       // quarter-hour; the records from there on are all there
  std::int64_t quarters_from = INT64_MIN;  // quarter-hour, the first of a day; those from there
                                           // on were not added to days
};
[[nodiscard]] Result<RollupState> read_rollup_state(sqlite::Database& database);

}  // namespace agp::ledger
