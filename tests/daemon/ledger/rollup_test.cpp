#include "daemon/ledger/rollup.h"

#include "daemon/ledger/questions.h"
#include "daemon/ledger/rollup_schema.h"
#include "daemon/ledger/schema.h"
#include "tests/daemon/ledger/ledger_file.h"
#include "tests/daemon/ledger/naive.h"

#include <limits>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

using test::at;
using test::call;
using test::Chance;
using test::kMorning;
using test::LedgerFile;
using test::naive_answer;
using test::same_sums;
using test::text_of;

constexpr int kRounds = 5;
constexpr int kQuestions = 25;

Report ask(LedgerFile& file, const Query& query) {
  auto report = ask_usage(file.database, query);
  EXPECT_TRUE(report) << report.error().text();
  return report ? *report : Report{};
}

void expect_same(LedgerFile& file, const std::vector<usage::Record>& records, Chance& chance) {
  for (int i = 0; i < kQuestions; ++i) {
    const auto query = chance.question();
    const auto answer = ask(file, query);
    const auto expected = naive_answer(records, query);
    ASSERT_TRUE(same_sums(answer, expected)) << "answer\n"
                                             << text_of(answer) << "expected\n"
                                             << text_of(expected);
    EXPECT_FALSE(answer.covers_since || answer.covers_until || answer.coarse_before);
  }
}

// All sums with their names, in an order of their own.
std::string dump(LedgerFile& file, const std::string& columns, const std::string& table) {
  auto rows = file.database.prepare(
      "SELECT group_concat(line, char(10)) FROM (SELECT concat_of AS line FROM (SELECT "
      "quarter || '|' || ifnull(c.cascade_id, '-') || '|' || ifnull(k.model, '-') || '|' ||"
      " k.provider || '|' || k.host || '|' || k.request_kind || '|' || ifnull(k.local_uid, '-')"
      " || '|' || ifnull(k.owner_uid, '-') || '|' || ifnull(k.request_model, '-') || '|' || " +
      columns + " AS concat_of FROM " + table +
      " AS s JOIN rollup_key AS k ON k.id = s.key"
      " LEFT JOIN rollup_cascade AS c ON c.id = s.cascade ORDER BY 1))");
  EXPECT_TRUE(rows) << rows.error().text();
  EXPECT_TRUE(rows->step());
  return rows->text(0);
}

std::string all_sums(LedgerFile& file) {
  std::string columns;
  for (const auto& column : sum_columns()) {
    columns += (columns.empty() ? "" : " || ',' || ") + std::string(column.name);
  }
  return dump(file, columns, "quarter_cascade_sum") + "\n" +
         dump(file, "flag || ',' || calls", "quarter_flag");
}

TEST(Rollup, AnswersAnyQuestionLikeASumOverTheRecords) {
  for (int round = 0; round < kRounds; ++round) {
    Chance chance(static_cast<std::uint64_t>(round));
    LedgerFile file;
    std::vector<usage::Record> records;
    for (int batch = 0; batch < 4; ++batch) {
      const auto more = chance.records(chance.up_to(100));
      file.keep(more);
      records.insert(records.end(), more.begin(), more.end());
    }
    expect_same(file, records, chance);
  }
}

TEST(Rollup, FillingFromRecordsIsTheSameAsAddingThemOneByOne) {
  Chance chance(17);
  LedgerFile file;
  auto records = chance.records(300);
  records[7].started_at = at(-5);  // a clock that was never set
  for (auto& record : records) {
    // As the steps after the filling find it out.
    record.owner_uid = record.local_uid == 990U ? std::nullopt : record.local_uid;
    record.request_model = std::nullopt;
  }
  file.keep(records);
  const auto added = all_sums(file);
  for (const char* table :
       {"quarter_sum", "quarter_cascade_sum", "quarter_flag", "day_sum", "day_cascade_sum",
        "day_flag", "rollup_key", "rollup_cascade", "rollup_state"}) {
    file.run((std::string("DROP TABLE ") + table).c_str());
  }
  file.run(rollup_schema_step().c_str());
  file.run("ALTER TABLE record DROP COLUMN owner_uid");
  file.run("ALTER TABLE record DROP COLUMN request_model");
  std::string owners = schema_steps()[3];
  owners.replace(owners.find(kLsUid), std::string_view(kLsUid).size(), "990");
  file.run(owners.c_str());
  file.run(schema_steps()[7]);
  EXPECT_EQ(all_sums(file), added);
  EXPECT_EQ(read_rollup_state(file.database)->records, 300U);
  expect_same(file, records, chance);
}

TEST(Rollup, ACorrectedRecordMovesFromItsOldSumsToItsNewOnes) {
  Chance chance(23);
  LedgerFile file;
  auto records = chance.records(120);
  file.keep(records);
  for (int i = 0; i < 60; ++i) {
    auto& record = records[chance.up_to(records.size() - 1)];
    const auto before = record;
    record.cascade_id = chance.one_in(4) ? std::nullopt : chance.record().cascade_id;
    record.cost = chance.record().cost;
    record.flags = chance.record().flags;
    const auto owner = chance.record().owner_uid;
    record.owner_uid = owner;
    ASSERT_TRUE(move_in_rollups(file.database, before, record));
    auto update = file.database.prepare(
        "UPDATE record SET cascade_id = ?, cost_pico_usd = ?, flags = ?, owner_uid = ?"
        " WHERE id = ?");
    ASSERT_TRUE(update);
    record.cascade_id ? update->bind(1, std::string_view(*record.cascade_id))
                      : update->bind_null(1);
    record.cost ? update->bind(2, static_cast<std::int64_t>(record.cost->pico_usd))
                : update->bind_null(2);
    std::string flags;
    for (const auto& flag : record.flags) {
      flags += (flags.empty() ? "[\"" : ",\"") + flag + "\"";
    }
    flags.empty() ? update->bind_null(3) : update->bind(3, std::string_view(flags + "]"));
    owner ? update->bind(4, std::int64_t{*owner}) : update->bind_null(4);
    update->bind(5, std::string_view(record.id));
    ASSERT_TRUE(update->step());
  }
  expect_same(file, records, chance);
  EXPECT_EQ(read_rollup_state(file.database)->records, 120U);
}

TEST(Rollup, AnEmptiedSumIsGone) {
  LedgerFile file;
  auto record = call("1", "flash", 1, 0);
  record.cascade_id = "old";
  record.flags = {"bad_number"};
  file.keep(record);
  auto corrected = record;
  corrected.cascade_id = "new";
  ASSERT_TRUE(move_in_rollups(file.database, record, corrected));
  EXPECT_EQ(file.count("quarter_sum"), 1);
  EXPECT_EQ(file.count("quarter_cascade_sum"), 1);
  EXPECT_EQ(file.count("quarter_flag"), 1);
}

TEST(Rollup, ARepeatedBatchChangesNothing) {
  LedgerFile file;
  const auto records = Chance(5).records(50);
  file.keep(records);
  const auto once = all_sums(file);
  file.keep(records);
  EXPECT_EQ(all_sums(file), once);
  EXPECT_EQ(read_rollup_state(file.database)->records, 50U);
}

TEST(Rollup, ASumThatNoLongerFitsDoesNotStopTheWriter) {
  LedgerFile file;
  const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  for (const char* id : {"1", "2"}) {
    file.keep(call(id, "flash", most, 0));
  }
  const std::vector<usage::Record> both = {call("3", "flash", most, 0),
                                           call("4", "flash", most, 0)};
  file.keep(both);
  EXPECT_EQ(ask(file, {}).totals.calls, 4U);
  EXPECT_EQ(ask(file, {}).totals.input_total, most);
}

TEST(Rollup, ANumberThatARowCannotHoldIsNotKnownInTheSumsEither) {
  LedgerFile file;
  auto record = call("1", "flash", std::numeric_limits<std::uint64_t>::max(), 3);
  file.keep(record);
  Query inside;  // cuts the quarter-hour: answered from the row
  inside.filter.since = record.started_at - std::chrono::microseconds(1);
  inside.filter.until = record.started_at + std::chrono::microseconds(1);
  EXPECT_EQ(ask(file, inside).totals, ask(file, {}).totals);
  EXPECT_EQ(ask(file, {}).totals.usage_unknown, 1U);
}

TEST(Rollup, TheStateKnowsHowManyRecordsThereWereAndTheLastOne) {
  LedgerFile file;
  EXPECT_EQ(read_rollup_state(file.database)->last_started_at, std::nullopt);
  auto late = call("2", "flash", 1, 1);
  late.started_at = at(kMorning - 86'400);
  file.keep(call("1", "flash", 1, 1));
  file.keep(late);
  EXPECT_EQ(read_rollup_state(file.database)->last_started_at, at(kMorning));
  EXPECT_EQ(read_rollup_state(file.database)->records, 2U);
}

}  // namespace
}  // namespace agp::ledger
