#include "daemon/ledger/sqlite_ledger.h"

#include "daemon/ledger/migration.h"
#include "tests/daemon/ledger/rig.h"

#include <filesystem>
#include <fstream>
#include <future>
#include <utility>

#include <gtest/gtest.h>
#include <sqlite3.h>

namespace agp::ledger {
namespace {

using test::call;
using test::id_of;
using test::kPatience;
using test::options_for;
using namespace std::chrono_literals;

TEST(SqliteLedger, KeepsWhatIsAppended) {
  const test::TempDir dir;
  auto ledger = SqliteLedger::start(options_for(dir.file()));
  ledger->append(call("1", "flash", 10, 1));
  ledger->append(call("2", "pro", 20, 2));
  ASSERT_TRUE(ledger->flush(kPatience));
  const auto report = ledger->usage({});
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->totals.total, 33U);
  EXPECT_EQ(ledger->summary()->records, 2U);
  EXPECT_EQ(ledger->health().written, 2U);
  EXPECT_FALSE(ledger->health().problem.has_value());
}

// A daemon of the version before was killed; its spool is what is left.
TEST(SqliteLedger, TakesOverASpoolFromBeforeThereWereOwners) {
  const test::TempDir dir;
  auto options = options_for(dir.file());
  options.ls_uid = 990;
  {
    auto spool = Spool::open({dir.file() + "-spool", options.spool_bytes});
    ASSERT_TRUE(spool) << spool.error().text();
    for (const auto& [id, uid] : {std::pair{"1", 1000U}, {"2", 990U}}) {
      auto record = call(id, "flash", uid, 0);
      record.local_uid = uid;
      record.owner_uid = std::nullopt;
      std::string octets;
      encode(record, octets);
      octets.front() = '\x01';
      octets.resize(octets.size() - 2);  // owner and request's model, an octet each
      ASSERT_TRUE((*spool)->put(as_bytes(octets)));
    }
  }
  auto ledger = SqliteLedger::start(options);
  ASSERT_TRUE(ledger->flush(kPatience));
  Query query;
  EXPECT_EQ(ledger->usage(query)->totals.total, 1990U);
  query.filter.owners = {1000};
  EXPECT_EQ(ledger->usage(query)->totals.total, 1000U);
  query.filter.owners = {990};
  EXPECT_EQ(ledger->usage(query)->totals.total, 0U);
  EXPECT_EQ(ledger->health().lost_ever, 0U);
}

TEST(SqliteLedger, WhatIsSpooledKeepsItsOwnerAcrossAKill) {
  const test::TempDir dir;
  const auto options = options_for(dir.file());
  {
    auto spool = Spool::open({dir.file() + "-spool", options.spool_bytes});
    ASSERT_TRUE(spool) << spool.error().text();
    for (const auto& [id, owner] :
         {std::pair{"1", std::optional<std::uint32_t>(1001)}, {"2", std::nullopt}}) {
      auto record = call(id, "flash", 5, 0);
      record.owner_uid = owner;
      std::string octets;
      encode(record, octets);
      ASSERT_TRUE((*spool)->put(as_bytes(octets)));
    }
  }
  auto ledger = SqliteLedger::start(options);
  ASSERT_TRUE(ledger->flush(kPatience));
  PageQuery query;
  query.filter.owners = {1001};
  const auto page = ledger->records(query);
  ASSERT_TRUE(page) << page.error().text();
  ASSERT_EQ(page->records.size(), 1U);
  EXPECT_EQ(page->records[0].id, "1");
  EXPECT_EQ(page->records[0].owner_uid, 1001U);
  EXPECT_EQ(ledger->usage({})->totals.calls, 2U);
}

TEST(SqliteLedger, AnnouncesRecordsWithTheirPlaceInTheOrderOfCommits) {
  const test::TempDir dir;
  auto ledger = SqliteLedger::start(options_for(dir.file()));
  std::vector<std::uint64_t> sequences;
  ledger->subscribe([&](const usage::Record& record) { sequences.push_back(record.sequence); });
  for (const char* id : {"2", "1", "2", "3"}) {
    ledger->append(call(id, "flash", 1, 1));
  }
  ASSERT_TRUE(ledger->flush(kPatience));
  ASSERT_EQ(sequences.size(), 3U);
  EXPECT_LT(0U, sequences[0]);
  EXPECT_LT(sequences[0], sequences[1]);
  EXPECT_LT(sequences[1], sequences[2]);
}

TEST(SqliteLedger, ARepeatedIdCountsOnce) {
  const test::TempDir dir;
  auto ledger = SqliteLedger::start(options_for(dir.file()));
  int announced = 0;
  ledger->subscribe([&](const usage::Record&) { ++announced; });
  ledger->append(call("1", "flash", 10, 1));
  ledger->append(call("1", "flash", 10, 1));
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_EQ(ledger->summary()->records, 1U);
  EXPECT_EQ(announced, 1);
}

TEST(SqliteLedger, ARecordWithoutIdIsGivenOne) {
  const test::TempDir dir;
  auto ledger = SqliteLedger::start(options_for(dir.file()));
  ledger->append(call("", "flash", 10, 1));
  ledger->append(call("", "flash", 10, 1));
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_EQ(ledger->summary()->records, 2U);
}

TEST(SqliteLedger, AQuestionSeesWhatWasAppendedBeforeIt) {
  const test::TempDir dir;
  auto options = options_for(dir.file());
  options.commit_delay = 1h;
  auto ledger = SqliteLedger::start(options);
  for (int number = 1; number <= 20; ++number) {
    ledger->append(call(id_of(number), "flash", 1, 1));
    ASSERT_EQ(ledger->summary()->records, static_cast<std::uint64_t>(number));
  }
  ledger->append(call("", "flash", 1, 1));
  EXPECT_EQ(ledger->usage({})->totals.calls, 21U);
  ledger->append(call("", "flash", 1, 1));
  EXPECT_EQ(ledger->records({})->records.size(), 22U);
}

TEST(SqliteLedger, AFullBatchWaitsForNothing) {
  const test::TempDir dir;
  auto options = options_for(dir.file());
  options.commit_delay = 1h;
  options.batch_limit = 10;
  auto ledger = SqliteLedger::start(options);
  for (int number = 0; number < 10; ++number) {
    ledger->append(call(id_of(number), "flash", 1, 1));
  }
  EXPECT_TRUE(test::comes_true([&] { return ledger->health().written == 10; }));
}

TEST(SqliteLedger, ConfirmsTheRecordOfAResponse) {
  const test::TempDir dir;
  auto ledger = SqliteLedger::start(options_for(dir.file()));
  auto record = call("1", "flash", 1, 1);
  record.response_id = "r-1";
  ledger->append(record);
  ASSERT_TRUE(ledger->flush(kPatience));
  ledger->confirm({"r-1", "c-1", "t-1", 3});
  const auto page = ledger->records({});
  ASSERT_TRUE(page);
  ASSERT_EQ(page->records.size(), 1U);
  EXPECT_EQ(page->records[0].cascade_id, "c-1");
  EXPECT_TRUE(page->records[0].cascade_confirmed);
}

TEST(SqliteLedger, AnnouncesARecordOnlyWhenItCanBeRead) {
  const test::TempDir dir;
  auto ledger = SqliteLedger::start(options_for(dir.file()));
  std::promise<std::uint64_t> readable;
  ledger->subscribe([&](const usage::Record&) { readable.set_value(ledger->summary()->records); });
  ledger->append(call("1", "flash", 10, 1));
  EXPECT_EQ(readable.get_future().get(), 1U);
}

TEST(SqliteLedger, WritesWhatIsQueuedBeforeItStops) {
  const test::TempDir dir;
  {
    auto ledger = SqliteLedger::start(options_for(dir.file()));
    for (int i = 0; i < 1000; ++i) {
      ledger->append(call(id_of(i), "flash", 1, 1));
    }
  }
  EXPECT_EQ(SqliteLedger::start(options_for(dir.file()))->summary()->records, 1000U);
}

TEST(SqliteLedger, TakesRecordsFromSeveralThreads) {
  const test::TempDir dir;
  auto ledger = SqliteLedger::start(options_for(dir.file()));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&ledger, t] {
      for (int i = 0; i < 100; ++i) {
        ledger->append(call(id_of(t * 1000 + i), "flash", 1, 1));
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_EQ(ledger->summary()->records, 400U);
}

TEST(SqliteLedger, ADamagedFileIsReportedAndRecordsWaitForItsRepair) {
  const test::TempDir dir;
  std::ofstream(dir.file()) << std::string(8192, 'x');
  auto ledger = SqliteLedger::start(options_for(dir.file()));
  ASSERT_TRUE(ledger->health().problem.has_value());
  EXPECT_EQ(ledger->health().problem->code, Errc::damaged);
  EXPECT_NE(ledger->health().remedy.find("move"), std::string::npos);
  EXPECT_FALSE(ledger->usage({}));
  ledger->append(call("1", "flash", 10, 1));
  std::filesystem::remove(dir.file());
  ASSERT_TRUE(ledger->flush(kPatience));
  EXPECT_FALSE(ledger->health().problem.has_value());
  EXPECT_EQ(ledger->usage({})->totals.total, 11U);
}

TEST(SqliteLedger, HealthRecoversWithoutANewRecord) {
  const test::TempDir dir;
  std::filesystem::create_directory(dir.file());
  auto ledger = SqliteLedger::start(options_for(dir.file()));
  ASSERT_TRUE(ledger->health().problem.has_value());
  std::filesystem::remove(dir.file());
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (ledger->health().problem && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(ledger->health().problem.has_value());
}

TEST(SqliteLedger, ANewerSchemaIsReportedAndLeftAlone) {
  const test::TempDir dir;
  { auto ledger = SqliteLedger::start(options_for(dir.file())); }
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(dir.file().c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  ASSERT_EQ(sqlite3_close(raw), SQLITE_OK);
  auto ledger = SqliteLedger::start(options_for(dir.file()));
  ASSERT_TRUE(ledger->health().problem.has_value());
  EXPECT_EQ(ledger->health().problem->code, Errc::newer_schema);
  EXPECT_NE(ledger->health().remedy.find("move the file away"), std::string::npos);
  const auto report = ledger->usage({});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::newer_schema);
}

TEST(SqliteLedger, TheCopyOfBeforeAnUpgradeIsNamedAndWhatWaitedGoesThere) {
  const test::TempDir dir;
  auto options = options_for(dir.file());
  options.retry = 1ms;
  {
    auto ledger = SqliteLedger::start(options);
    ledger->append(call("1", "flash", 1, 1));
    ASSERT_TRUE(ledger->flush(kPatience));
  }
  const auto backup = dir.file() + ".backup-v" + std::to_string(current_version());
  std::filesystem::copy_file(dir.file(), backup);
  ASSERT_TRUE(
      sqlite::Database::open(dir.file(), SQLITE_OPEN_READWRITE)->exec("PRAGMA user_version = 99"));
  auto ledger = SqliteLedger::start(options);
  EXPECT_NE(ledger->health().remedy.find(backup), std::string::npos) << ledger->health().remedy;
  ledger->append(call("2", "flash", 1, 1));
  EXPECT_FALSE(ledger->flush(0ms));
  // The way back, as antigravity-proxyd(8) tells it.
  ledger.reset();
  for (const char* part : {"", "-wal", "-shm"}) {
    std::filesystem::remove(dir.file() + part);
  }
  std::filesystem::rename(backup, dir.file());
  ledger = SqliteLedger::start(options);
  const auto report = ledger->usage({});
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->totals.calls, 2U);
  EXPECT_EQ(ledger->health().lost_ever, 0U);
}

TEST(SqliteLedger, AFullLedgerIsReportedAndWhatDoesNotFitIsCounted) {
  const test::TempDir dir;
  auto options = options_for(dir.file());
  options.max_bytes = 64 * 1024;
  options.queue_limit = 10;
  options.batch_limit = 1;
  auto ledger = SqliteLedger::start(options);
  // Larger than the whole ledger may be.
  auto large = call("1", std::string(200'000, 'm'), 1, 1);
  ledger->append(large);
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!ledger->health().problem && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::yield();
  }
  ASSERT_TRUE(ledger->health().problem.has_value());
  EXPECT_EQ(ledger->health().problem->code, Errc::full);
  for (int i = 0; i < 20; ++i) {
    ledger->append(call(id_of(i), "flash", 1, 1));
  }
  EXPECT_EQ(ledger->health().waiting, 10U);
  EXPECT_EQ(ledger->health().lost, 11U);
  EXPECT_FALSE(ledger->flush(0ms));
}

}  // namespace
}  // namespace agp::ledger
