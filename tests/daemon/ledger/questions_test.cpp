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

TEST_F(LedgerQuestions, TotalsAreInTheOrderOfTheirFirstCall) {
  keep(call("1", "pro", 100, 50));
  keep(call("2", "flash", 10, 1));
  keep(call("3", "pro", 100, 50));
  keep(call("4", "a-newer-one", 1, 1));
  const auto totals = ask_totals(database_);
  ASSERT_TRUE(totals) << totals.error().text();
  ASSERT_EQ(totals->groups.size(), 3U);
  EXPECT_EQ(totals->groups[0].key[0], "pro");
  EXPECT_EQ(totals->groups[0].sums.input_total, 200U);
  EXPECT_EQ(totals->groups[1].key[0], "flash");
  EXPECT_EQ(totals->groups[2].key[0], "a-newer-one");
  const auto summary = ask_summary(database_);
  ASSERT_TRUE(summary);
  EXPECT_EQ(totals->last_sequence, summary->last_sequence);
}

TEST_F(LedgerQuestions, TotalsTellWhichModelWasAskedFor) {
  auto alias = call("1", "pro", 100, 50);
  alias.request_model = "latest";
  auto exact = call("2", "pro", 10, 5);
  exact.request_model = "pro";
  auto other_user = call("4", "pro", 1, 1);
  other_user.local_uid = 7;
  other_user.request_model = "latest";
  for (const auto& record : {alias, exact, call("3", "pro", 1000, 500), other_user}) {
    keep(record);
  }
  const auto totals = ask_totals(database_);
  ASSERT_TRUE(totals) << totals.error().text();
  ASSERT_EQ(totals->groups.size(), 3U);
  EXPECT_EQ(totals->groups[0].key.back(), "latest");
  EXPECT_EQ(totals->groups[0].sums.input_total, 101U);
  EXPECT_EQ(totals->groups[1].key.back(), "pro");
  EXPECT_EQ(totals->groups[1].sums.input_total, 10U);
  EXPECT_EQ(totals->groups[2].key.back(), std::nullopt);
  EXPECT_EQ(totals->groups[2].sums.input_total, 1000U);
  EXPECT_EQ(ask({.filter = {}, .group_by = {GroupBy::model}, .utc_offset = {}}).groups.size(), 1U);
}

TEST_F(LedgerQuestions, TotalsAreWhatTheRecordsAddUpTo) {
  auto flagged = call("1", "pro", 100, 50);
  flagged.flags = {"total_mismatch"};
  auto unknown = call("2", "pro", 0, 0);
  unknown.usage.reset();
  Sums sums;
  for (const auto& record : {flagged, unknown, call("3", "pro", 7, 3)}) {
    keep(record);
    sums.add(sums_of(record));
  }
  const auto totals = ask_totals(database_);
  ASSERT_TRUE(totals) << totals.error().text();
  ASSERT_EQ(totals->groups.size(), 1U);
  EXPECT_EQ(totals->groups[0].sums, sums);
}

TEST_F(LedgerQuestions, AnEmptyLedgerHasNoTotals) {
  const auto totals = ask_totals(database_);
  ASSERT_TRUE(totals) << totals.error().text();
  EXPECT_TRUE(totals->groups.empty());
  EXPECT_EQ(totals->last_sequence, 0U);
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

// One account makes all of these calls: that of the language servers.
TEST_F(LedgerQuestions, TheNextUserOfTheLanguageServerSeesNothingOfTheOneBefore) {
  auto first = call("1", "flash", 10, 1);
  first.owner_uid = 1000;
  first.flags = {"bad_number"};
  first.cascade_id = "c";
  keep(first);
  auto second = call("2", "flash", 200, 2);
  second.owner_uid = 1001;
  keep(second);
  auto nobodys = call("3", "flash", 3000, 3);
  nobodys.owner_uid = std::nullopt;
  keep(nobodys);
  const auto total_for = [&](std::optional<std::vector<std::uint32_t>> owners, auto change) {
    Query query;
    query.filter.owners = std::move(owners);
    change(query);
    return ask(query).totals.total;
  };
  const auto from_sums = [](Query&) {
  };
  const auto from_records = [](Query& query) {
    query.filter.since = at(kMorning - 1);
    query.filter.until = at(kMorning + 1);
  };
  const auto of_the_account = [](Query& query) {
    query.filter.uid = 990;
  };
  const auto each = [&](auto change) {
    EXPECT_EQ(total_for({{1000}}, change), 11U);
    EXPECT_EQ(total_for({{1001}}, change), 202U);
    EXPECT_EQ(total_for({{990}}, change), 0U) << "the account itself is nobody's owner";
    EXPECT_EQ(total_for(std::vector<std::uint32_t>{}, change), 0U);
    EXPECT_EQ(total_for(std::nullopt, change), 3216U);
  };
  each(from_sums);
  each(from_records);
  each(of_the_account);
  Query by_uid;
  by_uid.group_by = {GroupBy::uid, GroupBy::cascade};
  by_uid.filter.owners = {1001};
  const auto report = ask(by_uid);
  EXPECT_EQ(keys(report), std::vector<std::string>{"990|(none)"}) << "the group is the account";
  EXPECT_TRUE(report.totals.flags.empty());
}

TEST_F(LedgerQuestions, APersonSeesOnlyWhatTheyOwn) {
  auto theirs = call("1", "flash", 1, 0);
  theirs.owner_uid = 1001;
  keep(theirs);
  keep(call("2", "flash", 1, 0));
  auto nobody = call("3", "flash", 1, 0);
  nobody.owner_uid = std::nullopt;
  keep(nobody);
  Query query;
  EXPECT_EQ(ask(query).totals.calls, 3U);
  query.filter.owners = {1001};
  EXPECT_EQ(ask(query).totals.calls, 1U);
  query.filter.owners = {1000, 1001};
  EXPECT_EQ(ask(query).totals.calls, 2U);
  query.filter.owners = std::vector<std::uint32_t>{};
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
