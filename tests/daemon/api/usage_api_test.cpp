#include "daemon/api/usage_api.h"

#include "tests/daemon/api/fake_ledger.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
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

TEST(RenderUsage, IsTheFixedDocument) {
  ledger::Report report;
  report.totals = test::some_sums();
  report.totals.flags = {{"total_mismatch", 1}};
  report.groups = {{{"gemini-3-flash"}, test::some_sums()}, {{std::nullopt}, ledger::Sums{}}};
  const auto question = parse_usage_question({{"since", "today"}}, someone(), kNow);
  ASSERT_TRUE(question);
  const auto zero =
      std::string(R"("calls":0,"ok":0,"partial":0,"errors":0,"usage_unknown":0,"input_total":0,)") +
      R"("input_uncached":0,"cached_input":0,"cache_write":0,"tool_use_prompt":0,"output_total":0,)" +
      R"("reasoning":0,"total":0,"reasoning_unknown":0,"flags":{},"cost_usd_estimate":null,"unpriced":0)";
  const auto some = [](const char* flags) {
    return std::string(
               R"("calls":2,"ok":2,"partial":0,"errors":0,"usage_unknown":0,"input_total":100,)") +
           R"("input_uncached":60,"cached_input":40,"cache_write":0,"tool_use_prompt":0,)" +
           R"("output_total":23,"reasoning":3,"total":123,"reasoning_unknown":0,"flags":)" + flags +
           R"(,"cost_usd_estimate":null,"unpriced":2)";
  };
  EXPECT_EQ(render_usage(report, *question, kNow),
            R"({"schema":"antigravity-proxy.usage.v1","generated_at":"2026-11-22T04:00:00Z",)"
            R"("since":"2026-11-22T00:00:00Z","until":null,"timezone":"UTC",)"
            R"("cost_basis":"list price estimate","covers_since":null,"covers_until":null,)"
            R"("coarse_before":null,"totals":{)" +
                some(R"({"total_mismatch":1})") +
                R"(},"groups":[{"key":{"model":"gemini-3-flash"},)" + some("{}") +
                R"(},{"key":{"model":null},)" + zero + "}]}\n");
}

TEST(RenderUsage, UidsAreNumbers) {
  ledger::Report report;
  report.groups = {{{"1000"}, ledger::Sums{}}};
  const auto question = parse_usage_question({{"group_by", "uid"}}, someone(), kNow);
  EXPECT_NE(render_usage(report, *question, kNow).find(R"("key":{"uid":1000})"), std::string::npos);
}

TEST(RenderRecords, WhatIsNotKnownIsNull) {
  ledger::Page page;
  page.records.emplace_back();
  page.records.back().id = "01A";
  page.next = "01A";
  const auto document = boost::json::parse(render_records(page, kNow));
  const auto& record = document.at("records").at(0);
  EXPECT_EQ(document.at("next_cursor").as_string(), "01A");
  for (const char* key : {"usage", "model", "cascade_id", "cost_usd", "http_status", "error"}) {
    EXPECT_TRUE(record.at(key).is_null()) << key;
  }
}

TEST(RenderUsage, NamesTheZoneOfItsDays) {
  const auto question =
      parse_usage_question({{"timezone", "Europe/Berlin"}, {"since", "today"}}, someone(), kNow);
  ASSERT_TRUE(question);
  const auto text = render_usage({}, *question, kNow);
  EXPECT_NE(text.find(R"("since":"2026-11-21T23:00:00Z","until":null,"timezone":"Europe/Berlin")"),
            std::string::npos)
      << text;
}

TEST(RenderUsage, MoneyIsInDollars) {
  ledger::Report report;
  report.totals.cost_pico_usd = 1'500'000'000'000;
  const auto question = parse_usage_question({}, someone(), kNow);
  EXPECT_EQ(boost::json::parse(render_usage(report, *question, kNow))
                .at("totals")
                .at("cost_usd_estimate")
                .as_double(),
            1.5);
}

}  // namespace
}  // namespace agp::api
