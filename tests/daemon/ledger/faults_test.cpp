#include "tests/daemon/ledger/fault_vfs.h"
#include "tests/daemon/ledger/rig.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <errno.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

/// What is wrong with disk and file, one by one: capture goes on, records wait, health() says why.
namespace agp::ledger {
namespace {

using test::call;
using test::comes_true;
using test::id_of;
using test::kPatience;

class LedgerFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    test::install_fault_vfs();
    test::set_faults({});
  }
  void TearDown() override { test::set_faults({}); }

  void start() { ledger_ = SqliteLedger::start(options_); }
  void append(int from, int to) {
    for (int number = from; number < to; ++number) {
      ledger_->append(call(id_of(number), "flash", 10, 1));
    }
  }
  [[nodiscard]] bool has_problem(Errc code) {
    return comes_true([&] {
      const auto problem = ledger_->health().problem;
      return problem && problem->code == code;
    });
  }
  [[nodiscard]] bool is_well() {
    return comes_true([&] { return !ledger_->health().problem; });
  }

  test::TempDir dir_;
  SqliteLedger::Options options_ = test::options_for(dir_.file());
  std::unique_ptr<SqliteLedger> ledger_;
};

// threat-model 45
TEST_F(LedgerFaults, RecordsWaitForAFullDiskAndAreAllThereAfterwards) {
  start();
  append(0, 10);
  ASSERT_TRUE(ledger_->flush(kPatience));
  test::set_faults({.write_result = SQLITE_FULL});
  append(10, 30);
  ASSERT_TRUE(has_problem(Errc::full));
  EXPECT_NE(ledger_->health().remedy.find("free disk space"), std::string::npos);
  EXPECT_EQ(ledger_->health().waiting, 20U);
  EXPECT_EQ(ledger_->summary()->records, 10U) << "questions are answered as well as can be";
  test::set_faults({});
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_TRUE(is_well());
  EXPECT_EQ(ledger_->summary()->records, 30U);
  EXPECT_EQ(ledger_->health().lost, 0U);
}

TEST_F(LedgerFaults, ErrorsOfTheDiskAreToldApartByTheirNumber) {
  start();
  ASSERT_TRUE(ledger_->flush(kPatience));
  append(0, 1);
  struct {
    int number;
    Errc code;
  } const cases[] = {{EDQUOT, Errc::full}, {EROFS, Errc::read_only}, {EIO, Errc::unavailable}};
  for (const auto& [number, code] : cases) {
    test::set_faults({.write_result = SQLITE_IOERR_WRITE, .number = number});
    append(number, number + 1);
    EXPECT_TRUE(has_problem(code)) << number;
  }
  test::set_faults({});
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_TRUE(is_well());
  EXPECT_EQ(ledger_->summary()->records, 4U);
}

TEST_F(LedgerFaults, AReadOnlyDiskIsSaid) {
  start();
  ASSERT_TRUE(ledger_->flush(kPatience));
  test::set_faults({.write_result = SQLITE_READONLY});
  append(0, 1);
  ASSERT_TRUE(has_problem(Errc::read_only));
  EXPECT_NE(ledger_->health().remedy.find("writable"), std::string::npos);
  EXPECT_EQ(ledger_->health().waiting, 1U);
  test::set_faults({});
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_TRUE(is_well());
  EXPECT_EQ(ledger_->health().waiting, 0U);
  EXPECT_EQ(ledger_->health().lost, 0U);
  EXPECT_EQ(test::ids_in(options_.file).size(), 1U) << "what waited is in the file";
}

TEST_F(LedgerFaults, RecordsGoOnInANewFileWhenTheDirectoryComesBack) {
  options_.file = dir_.file("state/usage.db");
  std::filesystem::create_directory(dir_.file("state"));
  start();
  append(0, 5);
  ASSERT_TRUE(ledger_->flush(kPatience));
  std::filesystem::rename(dir_.file("state"), dir_.file("gone"));
  append(5, 10);
  ASSERT_TRUE(has_problem(Errc::unavailable));
  EXPECT_NE(ledger_->health().remedy.find("directory"), std::string::npos);
  std::filesystem::create_directory(dir_.file("state"));
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_TRUE(is_well());
  EXPECT_EQ(ledger_->summary()->records, 5U);
  EXPECT_EQ(test::ids_in(dir_.file("gone/usage.db")).size(), 5U) << "as it was";
  append(10, 11);
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_TRUE(comes_true([&] {
    ledger_->append(call("", "flash", 1, 1));
    (void)ledger_->flush(kPatience);
    return std::filesystem::exists(dir_.file("state/usage.db-spool"));
  })) << "and they are protected again";
}

TEST_F(LedgerFaults, ADamagedLedgerIsLeftAsItIsUntilAPersonMovesIt) {
  start();
  append(0, 200);
  ASSERT_TRUE(ledger_->flush(kPatience));
  ledger_.reset();
  {
    std::fstream file(options_.file, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0);
    file << std::string(60'000, 'x');
  }
  start();
  ASSERT_TRUE(has_problem(Errc::damaged));
  const auto size = std::filesystem::file_size(options_.file);
  append(200, 210);
  EXPECT_FALSE(ledger_->usage({}));
  EXPECT_EQ(ledger_->health().waiting, 10U);
  EXPECT_EQ(std::filesystem::file_size(options_.file), size);
  std::filesystem::rename(options_.file, options_.file + ".damaged");
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_TRUE(is_well());
  EXPECT_EQ(ledger_->summary()->records, 10U);
  EXPECT_EQ(ledger_->summary()->last_sequence, 10U) << "places begin again in a new file";
}

TEST_F(LedgerFaults, PagesThatTurnToGarbageAreSaid) {
  start();
  append(0, 2000);
  ASSERT_TRUE(ledger_->flush(kPatience));
  ledger_.reset();
  {
    std::fstream file(options_.file, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = std::filesystem::file_size(options_.file);
    file.seekp(8192);
    file << std::string(size - 8192, '\x5A');
  }
  start();
  append(2000, 2010);
  ASSERT_TRUE(has_problem(Errc::damaged));
  EXPECT_EQ(ledger_->health().lost, 0U);
}

TEST_F(LedgerFaults, ATruncatedLedgerIsSaid) {
  start();
  append(0, 2000);
  ASSERT_TRUE(ledger_->flush(kPatience));
  ledger_.reset();
  std::filesystem::resize_file(options_.file, 20'000);
  start();
  append(2000, 2010);
  ASSERT_TRUE(has_problem(Errc::damaged));
  EXPECT_EQ(ledger_->health().waiting, 10U);
}

TEST_F(LedgerFaults, TheDatabaseOfAnotherProgramIsLeftAlone) {
  {
    auto theirs = sqlite::Database::open(options_.file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    ASSERT_TRUE(theirs->exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)"));
  }
  std::ifstream before(options_.file, std::ios::binary);
  const std::string octets(std::istreambuf_iterator<char>(before), {});
  start();
  append(0, 3);
  ASSERT_TRUE(has_problem(Errc::damaged));
  ledger_.reset();
  std::ifstream after(options_.file, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(after), {}), octets);
}

TEST_F(LedgerFaults, ALockThatAnotherProcessHoldsIsWaitedFor) {
  start();
  ASSERT_TRUE(ledger_->flush(kPatience));
  auto other = sqlite::Database::open(options_.file, SQLITE_OPEN_READWRITE);
  ASSERT_TRUE(other->exec("BEGIN IMMEDIATE"));
  append(0, 3);
  ASSERT_TRUE(has_problem(Errc::locked));
  EXPECT_NE(ledger_->health().remedy.find("fuser"), std::string::npos);
  ASSERT_TRUE(other->exec("COMMIT"));
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_EQ(ledger_->summary()->records, 3U);
}

TEST_F(LedgerFaults, WhatTheQueueCannotHoldIsCountedOverRestartsToo) {
  options_.queue_limit = 10;
  test::set_faults({.write_result = SQLITE_FULL});
  start();
  append(0, 25);
  EXPECT_EQ(ledger_->health().lost, 15U);
  EXPECT_EQ(ledger_->health().lost_ever, 15U);
  ledger_.reset();
  test::set_faults({});
  start();
  EXPECT_EQ(ledger_->summary()->records, 10U) << "the queue was in the spool";
  EXPECT_EQ(ledger_->health().lost, 0U);
  EXPECT_EQ(ledger_->health().lost_ever, 15U);
}

TEST_F(LedgerFaults, WithoutASpoolItWorksAndSaysSo) {
  options_.spool_file = dir_.file("none/spool");
  options_.spool_retry = std::chrono::hours(1);
  start();
  append(0, 5);
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_EQ(ledger_->summary()->records, 5U);
  const auto health = ledger_->health();
  EXPECT_FALSE(health.problem);
  ASSERT_TRUE(health.unprotected);
  EXPECT_NE(health.unprotected->text().find("none/spool"), std::string::npos);
}

TEST_F(LedgerFaults, ASpoolThatCouldNotBeMadeIsTriedAgain) {
  options_.spool_file = dir_.file("later/spool");
  start();
  EXPECT_TRUE(ledger_->health().unprotected);
  std::filesystem::create_directory(dir_.file("later"));
  append(0, 1);
  ASSERT_TRUE(ledger_->flush(kPatience));
  append(1, 2);
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_FALSE(ledger_->health().unprotected);
}

TEST_F(LedgerFaults, ASpoolThatBreaksCostsNoRecord) {
  options_.spool_retry = std::chrono::hours(1);
  start();
  append(0, 5);
  ASSERT_EQ(::truncate((options_.file + "-spool").c_str(), 0), 0);
  append(5, 10);
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_EQ(ledger_->summary()->records, 10U);
  append(10, 11);
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_TRUE(comes_true([&] { return ledger_->health().unprotected.has_value(); }));
}

TEST_F(LedgerFaults, ASpoolThatIsFullCostsNoRecord) {
  options_.spool_bytes = 4096;
  test::set_faults({.write_result = SQLITE_FULL});
  start();
  append(0, 100);
  EXPECT_EQ(ledger_->health().waiting, 100U);
  test::set_faults({});
  ASSERT_TRUE(ledger_->flush(kPatience));
  EXPECT_EQ(ledger_->summary()->records, 100U);
  EXPECT_EQ(ledger_->health().lost_ever, 0U);
}

}  // namespace
}  // namespace agp::ledger
