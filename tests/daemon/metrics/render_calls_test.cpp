#include "daemon/metrics/exposition.h"
#include "daemon/metrics/report.h"
#include "tests/daemon/metrics/support.h"

#include <gtest/gtest.h>

namespace agp::metrics {
namespace {

using namespace std::chrono_literals;

std::string as_it_is(std::string_view text) {
  return std::string(text);
}

std::string page_of(const Report& report) {
  Page page(Format::prometheus, as_it_is);
  render_calls(page, report);
  render_quota(page, report.quota);
  return page.finish();
}

void expect_lines(const std::string& page, std::initializer_list<const char*> lines) {
  for (const auto* line : lines) {
    EXPECT_NE(page.find(std::string("\n") + line + "\n"), std::string::npos) << line << "\n"
                                                                             << page;
  }
}

ledger::Sums some_sums() {
  ledger::Sums sums;
  sums.calls = 5;
  sums.errors = 1;
  sums.partial = 1;
  sums.usage_unknown = 2;
  sums.input_total = 100;
  sums.input_uncached = 60;
  sums.tool_use_prompt = 7;
  sums.cached_input = 35;
  sums.cache_write = 5;
  sums.output_total = 23;
  sums.reasoning = 3;
  sums.total = 123;
  sums.unpriced = 4;
  sums.flags = {{"usage_missing", 1}, {"total_mismatch", 1}};
  sums.cost_pico_usd = 1'250'000'000'001;
  return sums;
}

TEST(RenderCalls, ClassesOfTokensAddUpToTheTotal) {
  Report report;
  report.totals.emplace();
  (*report.totals)[{"m", "google", "h", "agent"}].sums = some_sums();
  const auto page = page_of(report);
  expect_lines(page, {"antigravity_tokens_total{model=\"m\",class=\"input\"} 53",
                      "antigravity_tokens_total{model=\"m\",class=\"tool_prompt\"} 7",
                      "antigravity_tokens_total{model=\"m\",class=\"cached\"} 35",
                      "antigravity_tokens_total{model=\"m\",class=\"cache_write\"} 5",
                      "antigravity_tokens_total{model=\"m\",class=\"output\"} 20",
                      "antigravity_tokens_total{model=\"m\",class=\"reasoning\"} 3"});
  EXPECT_EQ(53 + 7 + 35 + 5 + 20 + 3, 123);
}

TEST(RenderCalls, WhatIsNotKnownIsCounted) {
  Report report;
  report.totals.emplace();
  (*report.totals)[{"m", "google", "h", "agent"}].sums = some_sums();
  (*report.totals)[{"", "google", "h", "tab"}].sums.calls = 2;
  expect_lines(
      page_of(report),
      {"antigravity_operations_total{model=\"m\",kind=\"agent\"} 5",
       "antigravity_operation_failures_total{model=\"m\",kind=\"agent\"} 1",
       "antigravity_incomplete_operations_total{model=\"m\",kind=\"agent\"} 1",
       "antigravity_operations_total{model=\"unknown\",kind=\"tab\"} 2",
       "antigravity_usage_unreported_operations_total{model=\"m\",reason=\"missing\"} 1",
       "antigravity_usage_unreported_operations_total{model=\"m\",reason=\"not_received\"} 1",
       "antigravity_usage_mismatch_total{class=\"reported_total\"} 1",
       "antigravity_usage_mismatch_total{class=\"partition\"} 0",
       "antigravity_unpriced_operations_total{model=\"m\"} 4",
       "antigravity_cost_estimate_usd_total{model=\"m\"} 1.250000000001"});
}

TEST(RenderCalls, WhatHasNoPriceCostsNotZero) {
  Report report;
  report.totals.emplace();
  (*report.totals)[{"m", "google", "h", "agent"}].sums.calls = 1;
  EXPECT_EQ(page_of(report).find("\nantigravity_cost_estimate_usd_total{"), std::string::npos);
}

TEST(RenderCalls, TotalsThatAreNotKnownAreNotThere) {
  EXPECT_EQ(page_of({}).find("antigravity_tokens_total"), std::string::npos);
}

TEST(RenderQuota, AShareThatIsNotKnownHasNoGauge) {
  Report report;
  report.quota.push_back({"Gemini Models", "", "5h", 0.25, test::at(1'764'000'000s)});
  report.quota.push_back({"Gemini Models", "", "weekly", std::nullopt, std::nullopt});
  report.quota.push_back({"", "gemini-3-flash", "", 1.0, std::nullopt});
  const auto page = page_of(report);
  expect_lines(page,
               {"antigravity_quota_remaining_ratio{pool=\"Gemini Models\",window=\"5h\"} 0.25",
                "antigravity_quota_reset_timestamp_seconds{pool=\"Gemini Models\",window=\"5h\"} "
                "1764000000.0",
                "antigravity_model_quota_remaining_ratio{model=\"gemini-3-flash\"} 1"});
  EXPECT_EQ(page.find("weekly"), std::string::npos);
}

}  // namespace
}  // namespace agp::metrics
