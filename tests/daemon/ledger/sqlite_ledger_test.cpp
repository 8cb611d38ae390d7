#include "daemon/ledger/sqlite_ledger.h"

#include "tests/daemon/ledger/support.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::ledger {
namespace {

using test::call;
using namespace std::chrono_literals;

// Far beyond what a loaded machine needs; reached only when a test fails.
constexpr auto kPatience = 60s;

SqliteLedger::Options options_for(const std::string& file) {
  SqliteLedger::Options options;
  options.file = file;
  options.retry = 1ms;
  return options;
}

std::string id_of(int number) {
  char text[32];
  (void)std::snprintf(text, sizeof text, "%08d", number);
  return text;
}

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
  const auto report = ledger->usage({});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Errc::newer_schema);
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

// The child tells each committed id through a pipe; the parent kills it after a given number.
[[noreturn]] void append_until_killed(const std::string& file, int out) {
  auto options = options_for(file);
  options.batch_limit = 7;
  auto ledger = SqliteLedger::start(options);
  ledger->subscribe([out](const usage::Record& record) {
    (void)!::write(out, record.id.data(), record.id.size());
  });
  for (int i = 0;; ++i) {
    ledger->append(call(id_of(i), "flash", 3, 4));
    if (ledger->health().waiting > 100) {
      (void)ledger->flush(kPatience);
    }
  }
}

std::set<std::string> committed_before_kill(const std::string& file, std::size_t kill_after) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    (void)::close(ends[0]);
    append_until_killed(file, ends[1]);
  }
  (void)::close(ends[1]);
  std::string seen;
  char buffer[4096];
  bool killed = false;
  while (true) {
    const auto n = ::read(ends[0], buffer, sizeof buffer);
    if (n <= 0) {
      break;
    }
    seen.append(buffer, static_cast<std::size_t>(n));
    if (!killed && seen.size() >= kill_after * 8) {
      EXPECT_EQ(::kill(child, SIGKILL), 0);
      killed = true;
    }
  }
  (void)::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  std::set<std::string> ids;
  for (std::size_t i = 0; i + 8 <= seen.size(); i += 8) {
    EXPECT_TRUE(ids.insert(seen.substr(i, 8)).second) << "announced twice";
  }
  return ids;
}

TEST(SqliteLedger, EveryCommittedRecordIsThereExactlyOnceAfterSigkill) {
  for (const std::size_t kill_after : {1U, 2U, 6U, 7U, 8U, 50U, 333U}) {
    const test::TempDir dir;
    const auto committed = committed_before_kill(dir.file(), kill_after);
    ASSERT_GE(committed.size(), kill_after);
    auto ledger = SqliteLedger::start(options_for(dir.file()));
    ASSERT_FALSE(ledger->health().problem.has_value());
    PageQuery all;
    all.limit = 1'000'000;
    const auto page = ledger->records(all);
    ASSERT_TRUE(page) << page.error().text();
    std::set<std::string> kept;
    for (const auto& record : page->records) {
      EXPECT_TRUE(kept.insert(record.id).second) << record.id << " is there twice";
    }
    for (const auto& id : committed) {
      EXPECT_EQ(kept.count(id), 1U) << id << " was committed and is gone";
    }
    // Appending everything again, as a caller that was not sure would, changes no sum.
    const auto before = ledger->usage({});
    for (const auto& record : page->records) {
      ledger->append(record);
    }
    ASSERT_TRUE(ledger->flush(kPatience));
    EXPECT_EQ(ledger->usage({})->totals, before->totals);
  }
}

}  // namespace
}  // namespace agp::ledger
