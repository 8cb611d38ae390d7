#include "daemon/ledger/file.h"

#include "daemon/ledger/ledger.h"
#include "daemon/ledger/schema.h"
#include "tests/daemon/ledger/support.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace agp::ledger {
namespace {

TEST(LedgerFile, IsMadeForItsOwnerAlone) {
  const test::TempDir dir;
  ASSERT_TRUE(open_for_writing(dir.file(), std::nullopt));
  struct stat st {};
  ASSERT_EQ(::stat(dir.file().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0600U);
}

TEST(LedgerFile, ReachesTheCurrentVersionAndOpensAgain) {
  const test::TempDir dir;
  for (int round = 0; round < 2; ++round) {
    auto database = open_for_writing(dir.file(), std::nullopt);
    ASSERT_TRUE(database) << database.error().text();
    EXPECT_EQ(*database->integer("PRAGMA user_version"),
              static_cast<std::int64_t>(schema_steps().size()));
  }
}

TEST(LedgerFile, HandsEachCommitToTheKernelWithoutWaitingForTheDisk) {
  const test::TempDir dir;
  auto database = open_for_writing(dir.file(), std::nullopt);
  ASSERT_TRUE(database);
  EXPECT_EQ(*database->integer("PRAGMA synchronous"), 1);
}

// threat-model 91
TEST(LedgerFile, RefusesANewerSchemaAndLeavesItAlone) {
  const test::TempDir dir;
  ASSERT_TRUE(open_for_writing(dir.file(), std::nullopt)->exec("PRAGMA user_version = 99"));
  auto writing = open_for_writing(dir.file(), std::nullopt);
  ASSERT_FALSE(writing);
  EXPECT_EQ(writing.error().code, Errc::newer_schema);
  EXPECT_NE(writing.error().text().find("99"), std::string::npos);
  auto reading = open_for_reading(dir.file());
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code, Errc::newer_schema);
  EXPECT_EQ(
      *sqlite::Database::open(dir.file(), SQLITE_OPEN_READONLY)->integer("PRAGMA user_version"),
      99);
}

TEST(LedgerFile, RefusesWhatIsNotADatabase) {
  const test::TempDir dir;
  std::ofstream(dir.file()) << std::string(8192, 'x');
  auto opened = open_for_writing(dir.file(), std::nullopt);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::damaged);
}

TEST(LedgerFile, RefusesTheDatabaseOfAnotherProgram) {
  const test::TempDir dir;
  ASSERT_TRUE(sqlite::Database::open(dir.file(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
                  ->exec("CREATE TABLE theirs (x)"));
  auto opened = open_for_writing(dir.file(), std::nullopt);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::damaged);
}

TEST(LedgerFile, SaysWhenThereIsNoDirectory) {
  const test::TempDir dir;
  auto opened = open_for_writing(dir.file("none/usage.db"), std::nullopt);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::unavailable);
}

TEST(LedgerFile, CannotBeReadBeforeItWasSetUp) {
  const test::TempDir dir;
  std::ofstream(dir.file()).flush();
  auto opened = open_for_reading(dir.file());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::unavailable);
}

}  // namespace
}  // namespace agp::ledger
