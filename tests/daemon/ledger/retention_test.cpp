#include "daemon/ledger/retention.h"

#include "daemon/ledger/ledger.h"
#include "daemon/ledger/questions.h"
#include "daemon/ledger/sqlite_ledger.h"
#include "tests/daemon/ledger/ledger_file.h"
#include "tests/daemon/ledger/naive.h"

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

using std::chrono::days;
using test::at;
using test::call;
using test::Chance;
using test::kMorning;
using test::LedgerFile;
using test::naive_answer;
using test::same_sums;
using test::text_of;

const usage::Micros kNow = at(kMorning + 10 * 86'400);

AgeingStep age_all(LedgerFile& file,
                   const Retention& retention,
                   usage::Micros now,
                   Pressure pressure = Pressure::normal) {
  AgeingStep all;
  for (int step = 0; step < 10'000; ++step) {
    auto done = age_one_step(file.database, retention, now, pressure);
    EXPECT_TRUE(done) << done.error().text();
    if (!done) {
      break;
    }
    all.aged += done->aged;
    all.evicted += done->evicted;
    if (!done->has_more) {
      return all;
    }
  }
  ADD_FAILURE() << "ageing does not end";
  return all;
}

Report ask(LedgerFile& file, const Query& query) {
  auto report = ask_usage(file.database, query);
  EXPECT_TRUE(report) << report.error().text();
  return report ? *report : Report{};
}

// What is still known, and no more: an answer says how it differs from the question, and then it
// is exact.
void expect_true_answers(LedgerFile& file,
                         const std::vector<usage::Record>& records,
                         Chance& chance) {
  const auto state = read_rollup_state(file.database);
  ASSERT_TRUE(state);
  std::optional<usage::Micros> coarse_before;
  if (state->quarters_from != INT64_MIN) {
    coarse_before = start_of_quarter(state->quarters_from);
  }
  for (int i = 0; i < 20; ++i) {
    auto query = chance.question();
    const auto answer = ask(file, query);
    for (const auto& [asked, covers] : {std::pair(&query.filter.since, answer.covers_since),
                                        std::pair(&query.filter.until, answer.covers_until)}) {
      if (covers) {
        ASSERT_TRUE(asked->has_value());
        EXPECT_LT(*covers, **asked);
        EXPECT_LT(**asked - *covers, *covers < coarse_before ? std::chrono::minutes(24 * 60)
                                                             : std::chrono::minutes(15));
        *asked = covers;
      }
    }
    const auto expected = naive_answer(records, query, coarse_before);
    ASSERT_TRUE(same_sums(answer, expected)) << "answer\n"
                                             << text_of(answer) << "expected\n"
                                             << text_of(expected);
    if (answer.coarse_before) {
      EXPECT_EQ(answer.coarse_before, coarse_before);
    }
  }
}

TEST(Retention, NeverChangesATotalAndNeverAnswersWronglyInSilence) {
  std::uint64_t aged = 0;
  for (std::uint64_t round = 0; round < 6; ++round) {
    Chance chance(round);
    LedgerFile file;
    const auto records = chance.records(120);
    file.keep(records);
    for (int turn = 0; turn < 2; ++turn) {
      // Ages so that limits fall among the records, which are ten to four days old.
      Retention retention;
      retention.raw = days(3 + chance.up_to(6));
      retention.quarters = retention.raw + days(chance.up_to(4));
      const auto now = kNow + std::chrono::seconds(chance.up_to(86'400));
      aged += age_all(file, retention, now).aged;
      expect_true_answers(file, records, chance);
    }
    const auto all = ask(file, {});
    EXPECT_EQ(all.totals, naive_answer(records, {}).totals);
    EXPECT_FALSE(all.covers_since || all.covers_until || all.coarse_before);
  }
  EXPECT_GT(aged, 200U);  // the test has tested something
}

TEST(Retention, KeepsWhatIsNotOldEnough) {
  LedgerFile file;
  auto old = call("1", "flash", 1, 0);
  old.started_at = at(kMorning - 90 * 86'400 - 900);
  auto young = call("2", "flash", 1, 0);
  young.started_at = at(kMorning - 90 * 86'400 + 900);
  file.keep(old);
  file.keep(young);
  EXPECT_EQ(age_all(file, {}, at(kMorning)).aged, 1U);
  EXPECT_EQ(file.count("record"), 1);
  EXPECT_EQ(ask(file, {}).totals.calls, 2U);
}

TEST(Retention, WorksInSmallSteps) {
  LedgerFile file;
  file.keep(Chance(1).records(1200));
  const auto step =
      age_one_step(file.database, {.raw = days(1), .quarters = days(400), .max_bytes = {}}, kNow);
  ASSERT_TRUE(step);
  EXPECT_EQ(step->aged, 1000U);
  EXPECT_TRUE(step->has_more);
  EXPECT_EQ(file.count("record"), 200);
}

TEST(Retention, AnAgedRangeThatCutsAQuarterHourSaysWhatItCovers) {
  LedgerFile file;
  file.keep(call("1", "flash", 1, 0));
  (void)age_all(file, {.raw = days(1), .quarters = days(400), .max_bytes = {}}, kNow);
  Query query;
  query.filter.since = at(kMorning + 60);
  auto report = ask(file, query);
  EXPECT_EQ(report.totals.calls, 1U);
  EXPECT_EQ(report.covers_since, at(kMorning));
  query.filter.since = std::nullopt;
  query.filter.until = at(kMorning + 60);
  report = ask(file, query);
  EXPECT_EQ(report.totals.calls, 0U);  // with the one above it makes the whole
  EXPECT_EQ(report.covers_until, at(kMorning));
  query.filter.until = at(kMorning + 900);
  report = ask(file, query);
  EXPECT_EQ(report.totals.calls, 1U);
  EXPECT_EQ(report.covers_until, std::nullopt);
}

TEST(Retention, HoursOfSumsByDayAreNotKnownAndTheAnswerSaysSo) {
  LedgerFile file;
  file.keep(call("1", "flash", 1, 0));
  (void)age_all(file, {.raw = days(1), .quarters = days(2), .max_bytes = {}}, kNow);
  EXPECT_EQ(file.count("quarter_sum"), 0);
  Query query;
  query.group_by = {GroupBy::hour};
  auto report = ask(file, query);
  ASSERT_EQ(report.groups.size(), 1U);
  EXPECT_EQ(report.groups[0].key[0], std::nullopt);
  EXPECT_EQ(report.coarse_before, at(kMorning - 4 * 3600 + 8 * 86'400));
  query.group_by = {GroupBy::day};
  report = ask(file, query);
  EXPECT_EQ(report.groups[0].key[0], "2026-11-22");
  EXPECT_EQ(report.coarse_before, std::nullopt);
  query.utc_offset = [](usage::Micros) {
    return std::chrono::minutes(60);
  };
  report = ask(file, query);
  EXPECT_EQ(report.groups[0].key[0], std::nullopt);
  EXPECT_TRUE(report.coarse_before.has_value());
}

TEST(Retention, ARecordThatComesLateIsCountedOnceAndThenAges) {
  LedgerFile file;
  const Retention retention{.raw = days(1), .quarters = days(2), .max_bytes = {}};
  file.keep(call("1", "flash", 1, 0));
  (void)age_all(file, retention, kNow);
  file.keep(call("2", "flash", 1, 0));
  EXPECT_EQ(ask(file, {}).totals.calls, 2U);
  (void)age_all(file, retention, kNow);
  EXPECT_EQ(ask(file, {}).totals.calls, 2U);
  EXPECT_EQ(file.count("record"), 0);
  EXPECT_EQ(file.count("quarter_sum"), 0);
  EXPECT_EQ(file.count("day_sum"), 1);
}

TEST(Retention, MakesRoomByTheOldestRecordsFirst) {
  LedgerFile file;
  std::vector<usage::Record> records = Chance(3).records(1200);
  file.keep(records);
  const auto before = ask(file, {}).totals;
  const auto size =
      *file.database.integer("PRAGMA page_count") * *file.database.integer("PRAGMA page_size");
  Retention retention{
      .raw = days(90), .quarters = days(400), .max_bytes = static_cast<std::uint64_t>(size)};
  const auto done = age_all(file, retention, kNow);
  EXPECT_GT(done.evicted, 0U);
  EXPECT_EQ(done.aged, 0U);
  EXPECT_EQ(file.count("record"), 1200 - static_cast<std::int64_t>(done.evicted));
  EXPECT_EQ(ask(file, {}).totals, before);
  std::sort(records.begin(), records.end(),
            [](const auto& left, const auto& right) { return left.started_at < right.started_at; });
  const auto oldest = file.database.integer("SELECT min(started_at) FROM record");
  EXPECT_EQ(*oldest, records[done.evicted].started_at.time_since_epoch().count());
}

TEST(Retention, WithoutRecordsToSpareSumsLoseTheirHours) {
  LedgerFile file;
  const auto records = Chance(4).records(300);
  file.keep(records);
  const auto before = ask(file, {}).totals;
  const auto done =
      age_all(file, {.raw = days(90), .quarters = days(400), .max_bytes = 64 * 1024}, kNow);
  EXPECT_EQ(done.evicted, 300U);
  EXPECT_EQ(file.count("record"), 0);
  EXPECT_GT(file.count("day_sum"), 0);
  EXPECT_EQ(ask(file, {}).totals, before);
}

TEST(Retention, AFullDiskCostsNoRecordsOfASmallLedger) {
  LedgerFile file;
  file.keep(Chance(3).records(100));
  const auto done = age_all(file, {.raw = days(90), .quarters = days(400), .max_bytes = 1U << 30U},
                            kNow, Pressure::full);
  EXPECT_EQ(done.evicted, 0U);
  EXPECT_EQ(file.count("record"), 100);
}

TEST(Retention, LeavesNoTransactionOpenAfterAFailure) {
  LedgerFile file;
  file.run("DROP TABLE rollup_state");
  EXPECT_FALSE(age_one_step(file.database, {}, kNow));
  file.run("BEGIN");
  file.run("COMMIT");
}

// What the writer makes of it.

template <class Done>
bool soon(Done is_done) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!is_done() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  return is_done();
}

TEST(Retention, TheWriterDeletesWhatHasAgedAndKeepsItsSums) {
  const test::TempDir dir;
  SqliteLedger::Options options;
  options.file = dir.file();
  options.raw_days = days(1);
  options.ageing_pause = std::chrono::milliseconds(1);
  options.now = [] {
    return kNow;
  };
  auto ledger = SqliteLedger::start(options);
  const auto records = Chance(6).records(300);
  for (const auto& record : records) {
    ledger->append(record);
  }
  ASSERT_TRUE(soon([&] { return ledger->health().aged == 300; }));
  EXPECT_EQ(ledger->usage({})->totals, naive_answer(records, {}).totals);
  EXPECT_TRUE(ledger->records({})->records.empty());
  EXPECT_EQ(ledger->summary()->records, 300U);
  EXPECT_EQ(ledger->health().evicted, 0U);
}

// A client that comes back with its place must find what came after it, however little is left.
TEST(Retention, PlacesOfRecordsThatAreGoneAreNeverGivenAgain) {
  const test::TempDir dir;
  SqliteLedger::Options options;
  options.file = dir.file();
  options.raw_days = days(1);
  options.ageing_pause = std::chrono::milliseconds(1);
  options.now = [] {
    return kNow;
  };
  const auto records = Chance(9).records(30);
  auto ledger = SqliteLedger::start(options);
  for (std::size_t i = 0; i < 20; ++i) {
    ledger->append(records[i]);
  }
  ASSERT_TRUE(soon([&] { return ledger->health().aged == 20; }));
  EXPECT_TRUE(ledger->records({})->records.empty());
  EXPECT_EQ(ledger->summary()->last_sequence, 20U);
  ledger.reset();
  ledger = SqliteLedger::start(options);  // nor by another process
  EXPECT_EQ(ledger->summary()->last_sequence, 20U);
  std::mutex mutex;
  std::vector<std::uint64_t> places;
  ledger->subscribe([&](const usage::Record& record) {
    const std::lock_guard lock(mutex);
    places.push_back(record.sequence);
  });
  for (std::size_t i = 20; i < 30; ++i) {
    ledger->append(records[i]);
  }
  ASSERT_TRUE(ledger->flush(std::chrono::seconds(60)));
  EXPECT_EQ(ledger->summary()->last_sequence, 30U);
  const std::lock_guard lock(mutex);
  ASSERT_EQ(places.size(), 10U);
  EXPECT_EQ(places.front(), 21U);
}

TEST(Retention, AFullLedgerGivesUpItsOldestRecordsAndTakesNewOnes) {
  const test::TempDir dir;
  SqliteLedger::Options options;
  options.file = dir.file();
  options.max_bytes = 1U << 20U;
  options.ageing_pause = std::chrono::hours(1);  // only a batch that does not fit makes room
  options.now = [] {
    return kNow;
  };
  auto ledger = SqliteLedger::start(options);
  const auto records = Chance(7).records(4000);
  for (const auto& record : records) {
    ledger->append(record);
  }
  ASSERT_TRUE(ledger->flush(std::chrono::seconds(60)));
  const auto health = ledger->health();
  EXPECT_FALSE(health.problem.has_value());
  EXPECT_EQ(health.lost, 0U);
  EXPECT_GT(health.evicted, 0U);
  EXPECT_EQ(ledger->usage({})->totals, naive_answer(records, {}).totals);
  EXPECT_LE(std::filesystem::file_size(dir.file()), 1U << 20U);
  EXPECT_EQ(ledger->summary()->last_sequence, 4000U) << "eviction gives no place again";
}

}  // namespace
}  // namespace agp::ledger
