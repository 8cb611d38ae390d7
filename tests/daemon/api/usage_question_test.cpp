#include "daemon/api/usage_question.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace agp::api {
namespace {

constexpr usage::Micros kNow{std::chrono::seconds(1'795'320'000)};

Visibility someone() {
  Visibility who;
  who.access = Visibility::Access::granted;
  who.uids = std::vector<std::uint32_t>{1000};
  return who;
}

Visibility root() {
  auto who = someone();
  who.uids = std::nullopt;
  return who;
}

TEST(UsageQuestion, GroupsByModelUnlessAsked) {
  const auto question = parse_usage_question({}, someone(), kNow);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->query.group_by, std::vector{ledger::GroupBy::model});
  EXPECT_EQ(question->query.filter.owners, someone().uids);
}

TEST(UsageQuestion, ReadsEveryParameter) {
  const auto question = parse_usage_question({{"since", "-24h"},
                                              {"until", "now"},
                                              {"group_by", "day,cascade"},
                                              {"model", "m"},
                                              {"cascade", "c"},
                                              {"timezone", "UTC"}},
                                             someone(), kNow);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->query.filter.since, kNow - std::chrono::hours(24));
  EXPECT_EQ(question->query.filter.until, kNow);
  EXPECT_EQ(question->query.filter.model, "m");
  EXPECT_EQ(question->query.filter.cascade, "c");
  EXPECT_EQ(question->query.group_by,
            (std::vector{ledger::GroupBy::day, ledger::GroupBy::cascade}));
}

TEST(UsageQuestion, AnEmptyGroupingMeansTotalsOnly) {
  EXPECT_TRUE(parse_usage_question({{"group_by", ""}}, someone(), kNow)->query.group_by.empty());
}

TEST(UsageQuestion, RefusesByName) {
  const std::vector<std::pair<Parameters, std::string>> cases = {
      {{{"colour", "red"}}, "colour"},
      {{{"model", "a"}, {"model", "b"}}, "model"},
      {{{"since", "soon"}}, "since"},
      {{{"group_by", "model,shape"}}, "shape"},
      {{{"group_by", "model,model"}}, "twice"},
      {{{"timezone", "Mars/Olympus"}}, "Mars/Olympus"},
      {{{"provider", "acme"}}, "azure"},
      {{{"kind", "chat"}}, "web_search"},
      {{{"uid", "-1"}}, "uid"},
      {{{"uid", "4294967296"}}, "uid"},
      {{{"model", std::string(1025, 'm')}}, "model"}};
  for (const auto& [parameters, word] : cases) {
    const auto question = parse_usage_question(parameters, someone(), kNow);
    ASSERT_FALSE(question) << word;
    EXPECT_EQ(question.error().code, ledger::Errc::invalid_query);
    EXPECT_NE(question.error().context.find(word), std::string::npos) << question.error().context;
  }
}

TEST(RecordsQuestion, LimitIsANumberInItsRange) {
  EXPECT_EQ(parse_records_question({{"limit", "7"}, {"cursor", "01A"}}, someone(), kNow)->limit,
            7U);
  for (const char* limit : {"0", "1001", "-1", "x", "", "7x"}) {
    EXPECT_FALSE(parse_records_question({{"limit", limit}}, someone(), kNow)) << limit;
  }
}

TEST(UsageQuestion, ReadsEveryFilter) {
  const auto question = parse_usage_question(
      {{"provider", "anthropic"}, {"host", "api.example"}, {"kind", "tab"}, {"uid", "7"}}, root(),
      kNow);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->query.filter.provider, usage::Provider::anthropic);
  EXPECT_EQ(question->query.filter.host, "api.example");
  EXPECT_EQ(question->query.filter.kind, usage::RequestKind::tab);
  EXPECT_EQ(question->query.filter.uid, 7U);
}

TEST(UsageQuestion, NobodySeesMoreByNamingAUid) {
  const auto own = parse_usage_question({{"uid", "1000"}}, someone(), kNow);
  EXPECT_EQ(own->query.filter.uid, 1000U);
  EXPECT_EQ(own->query.filter.owners, someone().uids);
  const auto other = parse_usage_question({{"uid", "0"}}, someone(), kNow);
  EXPECT_EQ(other->query.filter.uid, 0U);
  EXPECT_EQ(other->query.filter.owners, someone().uids);
}

TEST(UsageQuestion, TimesAreThoseOfTheZone) {
  // 05:00 in Berlin: the parameters may come in any order.
  const auto question =
      parse_usage_question({{"since", "2026-03-29"}, {"timezone", "Europe/Berlin"}}, root(), kNow);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->zone.name(), "Europe/Berlin");
  const usage::Micros midnight(std::chrono::seconds(1'774'738'800));  // 2026-03-28T23:00:00Z
  EXPECT_EQ(question->query.filter.since, midnight);
  ASSERT_TRUE(question->query.utc_offset);
  EXPECT_EQ(question->query.utc_offset(midnight).count(), 60);
  EXPECT_EQ(question->query.utc_offset(midnight + std::chrono::hours(2)).count(), 120);
  EXPECT_FALSE(parse_usage_question({{"timezone", "UTC"}}, root(), kNow)->query.utc_offset);
}

TEST(UsageQuestion, TooManyParametersAreRefused) {
  Parameters parameters;
  for (int i = 0; i < 33; ++i) {
    parameters.emplace_back("p" + std::to_string(i), "");
  }
  const auto question = parse_usage_question(parameters, root(), kNow);
  ASSERT_FALSE(question);
  EXPECT_NE(question.error().context.find("32"), std::string::npos);
}

TEST(ExportQuestion, NeedsAFormat) {
  for (const char* format : {"csv", "json", "ndjson"}) {
    const auto question = parse_export_question({{"format", format}}, someone(), kNow);
    ASSERT_TRUE(question) << format;
    EXPECT_EQ(file_name(question->format), std::string("antigravity-proxy-usage.") + format);
    EXPECT_EQ(question->filter.owners, someone().uids);
  }
  EXPECT_FALSE(parse_export_question({}, someone(), kNow));
  EXPECT_FALSE(parse_export_question({{"format", "xlsx"}}, someone(), kNow));
  EXPECT_FALSE(parse_export_question({{"format", "csv"}, {"limit", "1"}}, someone(), kNow));
}

TEST(StreamQuestion, GoesOnWhereTheReaderWas) {
  EXPECT_EQ(parse_stream_question({}, std::nullopt, someone())->after, std::nullopt);
  EXPECT_EQ(parse_stream_question({{"after", "0"}}, std::nullopt, someone())->after, 0U);
  EXPECT_EQ(parse_stream_question({{"after", "5"}}, "7", someone())->after, 7U);
  EXPECT_EQ(parse_stream_question({{"after", "5"}}, "", someone())->after, 5U);
  EXPECT_EQ(parse_stream_question({}, std::nullopt, someone())->filter.owners, someone().uids);
  for (const char* after : {"-1", "x", "1 ", "18446744073709551616", ""}) {
    EXPECT_FALSE(parse_stream_question({{"after", after}}, std::nullopt, someone())) << after;
  }
  EXPECT_FALSE(parse_stream_question({}, "x", someone()));
  EXPECT_FALSE(parse_stream_question({{"since", "today"}}, std::nullopt, someone()));
}

TEST(QuotaQuestion, IsOfTheLastSevenDaysAndTheOwnLogin) {
  const auto query = parse_quota_history_question({}, someone(), kNow);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->since, kNow - std::chrono::days(7));
  EXPECT_FALSE(query->until);
  EXPECT_EQ(query->owners, someone().uids);
  EXPECT_FALSE(query->with_one_before);
  const auto other = parse_quota_history_question(
      {{"since", "2026-11-01"}, {"until", "-1h"}, {"timezone", "Europe/Berlin"}}, root(), kNow);
  ASSERT_TRUE(other);
  EXPECT_EQ(other->since, usage::Micros(std::chrono::seconds(1'793'487'600)));
  EXPECT_EQ(other->until, kNow - std::chrono::hours(1));
  EXPECT_FALSE(other->owners);
  EXPECT_FALSE(parse_quota_history_question({{"model", "m"}}, root(), kNow));
  EXPECT_FALSE(parse_quota_history_question({{"since", "soon"}}, root(), kNow));
}

TEST(WhyQuestion, IsOfAWindowUpToNow) {
  const auto usual = parse_why_question({}, someone(), kNow);
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->since, kNow - std::chrono::hours(5));
  EXPECT_EQ(usual->until, kNow);
  EXPECT_EQ(usual->owners, someone().uids);
  EXPECT_EQ(parse_why_question({{"window", "7d"}}, root(), kNow)->since,
            kNow - std::chrono::days(7));
  for (const char* wrong : {"", "5", "30s", "8d", "-5h", "h", "today", "2026-11-01", "now"}) {
    const auto refused = parse_why_question({{"window", wrong}}, root(), kNow);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, ledger::Errc::invalid_query);
    EXPECT_TRUE(refused.error().context.starts_with("window: ")) << wrong;
  }
  EXPECT_FALSE(parse_why_question({{"since", "-5h"}}, root(), kNow));
}

}  // namespace
}  // namespace agp::api
