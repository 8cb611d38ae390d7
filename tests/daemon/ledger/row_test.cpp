#include "daemon/ledger/row.h"

#include "daemon/ledger/file.h"
#include "daemon/ledger/ledger.h"
#include "tests/daemon/ledger/support.h"

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

usage::Record full_record() {
  auto record = test::call("01A", "gemini-3-pro", 10, 20);
  record.sequence = 1;
  record.first_byte_at = test::at(test::kMorning + 1);
  record.instance = "ls-1";
  record.request_kind = usage::RequestKind::checkpoint;
  record.cascade_id = "c-1";
  record.cascade_source = usage::CascadeSource::exact;
  record.cascade_evidence = "trajectory_id";
  record.cascade_confirmed = true;
  record.trajectory_id = "t-1";
  record.step_index = 7;
  record.bytes_in = 1234;
  record.bytes_out = 567;
  record.provider = usage::Provider::openai;
  record.api = usage::Api::responses;
  record.http_status = 200;
  record.stream = true;
  record.model_source = usage::ModelSource::url;
  record.response_id = "r";
  record.request_id = "q";
  record.trace_id = "t";
  record.finish = usage::Finish::cancelled;
  record.finish_raw = "CANCELLED";
  record.usage->reported_total = 31;
  record.usage->cache_write_by_ttl = {{"5m", 1}, {"1h", 2}};
  record.usage->input_by_modality = {{"text", 10}};
  record.usage->output_by_modality = {{"image \"x\"", 20}};
  record.usage->cached_by_modality = std::map<std::string, std::uint64_t>{};
  record.service_tier = "priority";
  record.tool_calls = {"b", "a", "b"};
  record.server_tools = {{"web_search", 2}};
  record.modifiers = {"fast", "us"};
  record.credits_consumed = 3;
  usage::AdditionalUsage more;
  more.kind = "compaction \\ \"x\"\n";
  more.model = "claude";
  more.usage = *record.usage;
  more.usage.input_total = ~std::uint64_t{0};
  more.usage.reasoning = 5;
  record.additional_usage = {more, {"advisor_message", std::nullopt, {}}};
  record.reported = {{"promptTokenCount", 10}, {"prompt_tokens_details.cached_tokens", 0}};
  record.cost = usage::Cost{1'234'567'890'123, "2026-11-20", true};
  record.closed_by = usage::Closer::upstream;
  record.error = usage::CallError{"overloaded", "529"};
  record.flags = {"total_mismatch", "bad_number"};
  return record;
}

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
  const auto record = full_record();
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
