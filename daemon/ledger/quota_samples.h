#pragma once

#include "daemon/ledger/ledger.h"
#include "daemon/ledger/sqlite.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// Samples of quotas: no sums are made of them, they go by age and number.
namespace agp::ledger {

/// How many samples a ledger of that size keeps: they take an eighth of it at most.
[[nodiscard]] std::int64_t most_samples(std::optional<std::uint64_t> max_bytes);

/// Puts each where it belongs, whatever came before; one that is kept already changes nothing.
/// Beyond `most` the oldest go. Runs inside the caller's transaction.
[[nodiscard]] Result<> keep_samples(sqlite::Database& database,
                                    std::span<const quota::Sample* const> samples,
                                    std::int64_t most);

/// A small part of those before `limit`; inside the caller's transaction.
/// @return how many went.
[[nodiscard]] Result<std::uint64_t> delete_samples(sqlite::Database& database, usage::Micros limit);

[[nodiscard]] Result<std::vector<quota::Course>> ask_quota(sqlite::Database& database,
                                                           const QuotaQuery& query);

}  // namespace agp::ledger
