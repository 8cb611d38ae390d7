#include "daemon/ledger/questions.h"

#include "tests/daemon/ledger/ledger_file.h"
#include "tests/daemon/ledger/naive.h"

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

using test::at;
using test::call;
using test::kMorning;

class LedgerQuestions : public ::testing::Test {
 protected:
  void keep(const usage::Record& record) { file_.keep(record); }
  Report ask(const Query& query) {
    auto report = ask_usage(database_, query);
    EXPECT_TRUE(report) << report.error().text();
    return report ? *report : Report{};
  }
  static std::vector<std::string> keys(const Report& report) {
    std::vector<std::string> out;
    for (const auto& group : report.groups) {
      std::string text;
      for (const auto& part : group.key) {
        text += (text.empty() ? "" : "|") + part.value_or("(none)");
      }
      out.push_back(text);
    }
    return out;
  }

  test::LedgerFile file_;
  sqlite::Database& database_ = file_.database;
};

TEST_F(LedgerQuestions, AnEmptyLedgerAnswersZero) {
  const auto report = ask({.filter = {}, .group_by = {GroupBy::model}, .utc_offset = {}});
  EXPECT_EQ(report.totals, Sums{});
  EXPECT_TRUE(report.groups.empty());
  EXPECT_EQ(ask({}).totals, Sums{});
}

TEST_F(LedgerQuestions, SumsPerModelAndInAll) {
  keep(call("1", "flash", 10, 1));
  keep(call("2", "flash", 20, 2));
  keep(call("3", "pro", 100, 50));
  const auto report = ask({.filter = {}, .group_by = {GroupBy::model}, .utc_offset = {}});
  ASSERT_EQ(keys(report), (std::vector<std::string>{"flash", "pro"}));
  EXPECT_EQ(report.groups[0].sums.calls, 2U);
  EXPECT_EQ(report.groups[0].sums.input_total, 30U);
  EXPECT_EQ(report.groups[0].sums.total, 33U);
  EXPECT_EQ(report.groups[1].sums.output_total, 50U);
  EXPECT_EQ(report.totals.calls, 3U);
  EXPECT_EQ(report.totals.total, 183U);
  EXPECT_EQ(report.totals.ok, 3U);
}

TEST_F(LedgerQuestions, UnknownUsageIsCountedAndNotSummed) {
  auto failed = call("1", "flash", 0, 0);
  failed.usage = std::nullopt;
  failed.outcome = usage::Outcome::error;
  keep(failed);
  keep(call("2", "flash", 20, 2));
  const auto totals = ask({}).totals;
  EXPECT_EQ(totals.calls, 2U);
  EXPECT_EQ(totals.errors, 1U);
  EXPECT_EQ(totals.usage_unknown, 1U);
  EXPECT_EQ(totals.total, 22U);
  EXPECT_EQ(totals.reasoning_unknown, 0U);
}

TEST_F(LedgerQuestions, ReasoningThatWasNeverStatedIsCounted) {
  auto silent = call("1", "flash", 5, 5);
  silent.usage->reasoning = std::nullopt;
  keep(silent);
  auto stated = call("2", "flash", 5, 9);
  stated.usage->reasoning = 4;
  keep(stated);
  const auto totals = ask({}).totals;
  EXPECT_EQ(totals.reasoning, 4U);
  EXPECT_EQ(totals.reasoning_unknown, 1U);
}

TEST_F(LedgerQuestions, NothingIsPricedYet) {
  keep(call("1", "flash", 5, 5));
  EXPECT_FALSE(ask({}).totals.cost_pico_usd.has_value());
  EXPECT_EQ(ask({}).totals.unpriced, 1U);
}

TEST_F(LedgerQuestions, FlagsAreCountedPerGroup) {
  auto one = call("1", "flash", 5, 5);
  one.flags = {"total_mismatch", "bad_number"};
  keep(one);
  auto two = call("2", "pro", 5, 5);
  two.flags = {"total_mismatch"};
  keep(two);
  const auto report = ask({.filter = {}, .group_by = {GroupBy::model}, .utc_offset = {}});
  EXPECT_EQ(report.totals.flags,
            (std::map<std::string, std::uint64_t>{{"bad_number", 1}, {"total_mismatch", 2}}));
  EXPECT_EQ(report.groups[1].sums.flags,
            (std::map<std::string, std::uint64_t>{{"total_mismatch", 1}}));
  EXPECT_EQ(ask({}).totals.flags.at("total_mismatch"), 2U);
}

TEST_F(LedgerQuestions, TimesSelectFromSinceUpToUntil) {
  for (int i = 0; i < 3; ++i) {
    auto record = call(std::to_string(i), "flash", 1, 0);
    record.started_at = at(kMorning + i);
    keep(record);
  }
  Query query;
  query.filter.since = at(kMorning + 1);
  query.filter.until = at(kMorning + 2);
  EXPECT_EQ(ask(query).totals.calls, 1U);
}

TEST_F(LedgerQuestions, ModelAndCascadeSelect) {
  auto first = call("1", "flash", 1, 0);
  first.cascade_id = "c'1";
  keep(first);
  keep(call("2", "pro", 1, 0));
  Query query;
  query.filter.cascade = "c'1";
  EXPECT_EQ(ask(query).totals.calls, 1U);
  query.filter.model = "pro";
  EXPECT_EQ(ask(query).totals.calls, 0U);
}

TEST_F(LedgerQuestions, APersonSeesOnlyTheirOwnUids) {
  auto theirs = call("1", "flash", 1, 0);
  theirs.local_uid = 1000;
  keep(theirs);
  keep(call("2", "flash", 1, 0));
  auto nobody = call("3", "flash", 1, 0);
  nobody.local_uid = std::nullopt;
  keep(nobody);
  Query query;
  EXPECT_EQ(ask(query).totals.calls, 3U);
  query.filter.uids = {1000};
  EXPECT_EQ(ask(query).totals.calls, 1U);
  query.filter.uids = {1000, 990};
  EXPECT_EQ(ask(query).totals.calls, 2U);
  query.filter.uids = std::vector<std::uint32_t>{};
  EXPECT_EQ(ask(query).totals.calls, 0U);
}

TEST_F(LedgerQuestions, EveryGroupingHasItsKey) {
  auto record = call("1", "flash", 1, 0);
  record.request_kind = usage::RequestKind::agent;
  keep(record);
  Query query;
  query.group_by.assign(std::begin(kAllGroupBy), std::end(kAllGroupBy));
  EXPECT_EQ(keys(ask(query)),
            (std::vector<std::string>{"flash|google|daily-cloudcode-pa.googleapis.com|2026-11-22|"
                                      "2026-11-22T04:00:00Z|(none)|agent|990"}));
}

TEST_F(LedgerQuestions, DaysFollowTheTimeZone) {
  auto record = call("1", "flash", 1, 0);
  record.started_at = at(kMorning - 5 * 3600);  // 23:00 the day before, UTC
  keep(record);
  Query query;
  query.group_by = {GroupBy::day, GroupBy::hour};
  EXPECT_EQ(keys(ask(query)), (std::vector<std::string>{"2026-11-21|2026-11-21T23:00:00Z"}));
  query.utc_offset = [](usage::Micros) {
    return std::chrono::minutes(330);
  };
  EXPECT_EQ(keys(ask(query)), (std::vector<std::string>{"2026-11-22|2026-11-22T04:00:00+05:30"}));
}

TEST_F(LedgerQuestions, PagesNewestFirstWithoutGapsOrRepeats) {
  for (int i = 0; i < 5; ++i) {
    keep(call("0" + std::to_string(i), "flash", 1, 0));
  }
  PageQuery query;
  query.limit = 2;
  std::string seen;
  while (true) {
    const auto page = ask_records(database_, query);
    ASSERT_TRUE(page);
    for (const auto& record : page->records) {
      seen += record.id + " ";
    }
    if (!page->next) {
      break;
    }
    query.cursor = page->next;
  }
  EXPECT_EQ(seen, "04 03 02 01 00 ");
}

TEST_F(LedgerQuestions, TheSummaryKnowsTheLastCall) {
  EXPECT_FALSE(ask_summary(database_)->last_started_at.has_value());
  EXPECT_EQ(ask_summary(database_)->last_sequence, 0U);
  keep(call("1", "flash", 1, 0));
  const auto summary = ask_summary(database_);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->records, 1U);
  EXPECT_EQ(summary->last_started_at, at(kMorning));
  EXPECT_EQ(summary->last_sequence, 1U);
}

}  // namespace
}  // namespace agp::ledger
