#include "daemon/ledger/row.h"

#include "daemon/ledger/file.h"
#include "daemon/ledger/ledger.h"
#include "tests/daemon/ledger/full_record.h"
#include "tests/daemon/ledger/support.h"

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

usage::Record stored_and_read(const usage::Record& record) {
  const test::TempDir dir;
  auto database = open_for_writing(dir.file(), std::nullopt);
  EXPECT_TRUE(database) << database.error().text();
  auto insert = database->prepare(insert_sql());
  EXPECT_TRUE(insert) << insert.error().text();
  bind_record(*insert, record);
  EXPECT_TRUE(insert->step());
  auto select = database->prepare("SELECT " + record_columns() + " FROM record");
  EXPECT_TRUE(select);
  EXPECT_TRUE(*select->step());
  return read_record(*select);
}

TEST(LedgerRow, KeepsEveryField) {
  const auto record = test::full_record();
  EXPECT_EQ(stored_and_read(record), record);
}

TEST(LedgerRow, KeepsWhatIsNotKnownAsNotKnown) {
  usage::Record record;
  record.id = "01B";
  record.sequence = 1;
  EXPECT_EQ(stored_and_read(record), record);
}

TEST(LedgerRow, UnknownReasoningIsNotZero) {
  auto record = test::call("01C", "m", 1, 2);
  record.usage->reasoning = std::nullopt;
  EXPECT_FALSE(stored_and_read(record).usage->reasoning.has_value());
}

TEST(LedgerRow, ANumberThatDoesNotFitIsNotKnown) {
  auto record = test::call("01D", "m", 1, 2);
  record.step_index = ~std::uint64_t{0};
  EXPECT_FALSE(stored_and_read(record).step_index.has_value());
}

TEST(LedgerRow, ACostThatDoesNotFitIsNoCost) {
  auto record = test::call("01D", "m", 1, 2);
  record.cost = usage::Cost{~std::uint64_t{0}, "v", true};
  EXPECT_FALSE(stored_and_read(record).cost.has_value());
}

TEST(LedgerRow, NoServerToolsAreNotTheSameAsUnknownOnes) {
  auto record = test::call("01D", "m", 1, 2);
  EXPECT_FALSE(stored_and_read(record).server_tools.has_value());
  record.server_tools.emplace();
  EXPECT_TRUE(stored_and_read(record).server_tools.has_value());
}

TEST(LedgerRow, InsertingTheSameIdAgainChangesNothing) {
  const test::TempDir dir;
  auto database = open_for_writing(dir.file(), std::nullopt);
  ASSERT_TRUE(database);
  auto insert = database->prepare(insert_sql());
  ASSERT_TRUE(insert);
  const auto first = test::call("01E", "m", 1, 2);
  bind_record(*insert, first);
  ASSERT_TRUE(insert->step());
  insert->reset();
  const auto second = test::call("01E", "m", 100, 200);
  bind_record(*insert, second);
  ASSERT_TRUE(insert->step());
  EXPECT_EQ(*database->integer("SELECT sum(total) FROM record"), 3);
}

TEST(LedgerRow, AViolationOtherThanTheIdIsReported) {
  const test::TempDir dir;
  auto database = open_for_writing(dir.file(), std::nullopt);
  ASSERT_TRUE(database);
  auto insert = database->prepare(insert_sql());
  ASSERT_TRUE(insert);
  const auto record = test::call("01F", "m", 1, 2);
  bind_record(*insert, record);
  insert->bind_null(2);  // started_at
  auto stepped = insert->step();
  ASSERT_FALSE(stepped);
  EXPECT_EQ(stepped.error().code, Errc::invalid_record);
}

}  // namespace
}  // namespace agp::ledger
