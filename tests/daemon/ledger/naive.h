#pragma once

#include "daemon/ledger/ledger.h"
#include "daemon/usage/record.h"

#include <random>
#include <vector>

/// The roll-ups' opponent: random records, random questions, and their answers summed up one
/// record after the other.
namespace agp::ledger::test {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t up_to(std::uint64_t largest) { return engine_() % (largest + 1); }
  [[nodiscard]] bool one_in(std::uint64_t number) { return up_to(number - 1) == 0; }

  /// Calls within some days after `kMorning`, often at the very edges of hours and quarter-hours.
  [[nodiscard]] usage::Record record();
  [[nodiscard]] std::vector<usage::Record> records(std::size_t count);
  /// Any filters, any groups, any time zone.
  [[nodiscard]] Query question();

 private:
  [[nodiscard]] usage::Micros instant();

  std::mt19937_64 engine_;
  std::uint64_t made_ = 0;
};

/// @param coarse_before  calls before it are known by UTC day only.
[[nodiscard]] Report naive_answer(const std::vector<usage::Record>& records,
                                  const Query& query,
                                  std::optional<usage::Micros> coarse_before = {});

/// For failing tests: what differs, in words.
[[nodiscard]] std::string text_of(const Report& report);
[[nodiscard]] bool same_sums(const Report& left, const Report& right);

/// 60 minutes more for two days and a half from 2026-11-23T01:00Z on: a day of 23 hours, and one
/// of 25.
[[nodiscard]] std::chrono::minutes offset_with_changes(usage::Micros at);

}  // namespace agp::ledger::test
