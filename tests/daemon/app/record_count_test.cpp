#include "daemon/app/record_count.h"

#include <chrono>
#include <optional>

#include <gtest/gtest.h>

namespace agp::app {
namespace {

usage::Micros at(int second) {
  return usage::Micros(std::chrono::seconds(second));
}

usage::Record committed(std::uint64_t sequence) {
  usage::Record record;
  record.sequence = sequence;
  record.started_at = at(static_cast<int>(sequence));
  return record;
}

ledger::Summary answer(std::uint64_t records, std::uint64_t last_sequence) {
  ledger::Summary summary;
  summary.records = records;
  summary.last_started_at = at(1);
  summary.last_sequence = last_sequence;
  return summary;
}

// Commits 11 to 14 happen while the ledger, which had ten records, is being asked. Wherever its
// answer stands among them, and wherever the notices stand around the answer, there are fourteen.
TEST(RecordCount, CountsARecordOnceWhereverTheAnswerStandsAmongTheCommits) {
  for (std::uint64_t answered = 10; answered <= 14; ++answered) {
    for (std::uint64_t announced = 10; announced <= 14; ++announced) {
      RecordCount count;
      for (std::uint64_t sequence = 11; sequence <= announced; ++sequence) {
        count.on_commit(committed(sequence));
      }
      count.begin_with(answer(answered, answered));
      for (std::uint64_t sequence = announced + 1; sequence <= 14; ++sequence) {
        count.on_commit(committed(sequence));
      }
      EXPECT_EQ(count.summary().records, 14U)
          << answered << " in the answer, " << announced << " announced before it";
      EXPECT_EQ(count.summary().last_started_at, at(14));
    }
  }
}

TEST(RecordCount, PlacesThatWereNeverGivenCountNothing) {
  RecordCount count;
  count.begin_with(answer(3, 9));  // a record with a known id takes a place and is not kept
  count.on_commit(committed(12));
  EXPECT_EQ(count.summary().records, 4U);
  EXPECT_EQ(count.summary().last_sequence, 12U);
}

TEST(RecordCount, TheAnswerKnowsTheLastCallUntilThereIsAnother) {
  RecordCount count;
  EXPECT_FALSE(count.summary().last_started_at);
  count.begin_with(answer(3, 3));
  EXPECT_EQ(count.summary().last_started_at, at(1));
  count.on_commit(committed(4));
  EXPECT_EQ(count.summary().last_started_at, at(4));
}

TEST(RecordCount, WithoutAnAnswerItCountsWhatItHears) {
  RecordCount count;
  count.on_commit(committed(1));
  count.begin_with(std::nullopt);
  count.on_commit(committed(2));
  EXPECT_EQ(count.summary().records, 2U);
}

TEST(RecordCount, ANewLedgerIsCountedFromItsBeginning) {
  RecordCount count;
  count.begin_with(answer(5, 5));
  count.on_commit(committed(6));
  count.on_commit(committed(1));
  count.on_commit(committed(2));
  EXPECT_EQ(count.summary().records, 2U);
  EXPECT_EQ(count.summary().last_sequence, 2U);
}

}  // namespace
}  // namespace agp::app
