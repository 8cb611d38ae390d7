#include "daemon/metrics/exposition.h"
#include "daemon/metrics/report.h"
#include "tests/daemon/metrics/support.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace agp::metrics {
namespace {

std::string as_it_is(std::string_view text) {
  return std::string(text);
}

Report report_of(const std::vector<usage::Record>& records, Semconv semconv = Semconv::latest) {
  CallTotals totals;
  totals.begin_with(ledger::Totals{});
  for (const auto& record : records) {
    (void)totals.on_commit(record);
  }
  Report report;
  report.semconv = semconv;
  report.totals = totals.totals();
  report.times = totals.times();
  return report;
}

std::string page_of(const Report& report) {
  Page page(Format::prometheus, as_it_is);
  render_gen_ai(page, report);
  return page.finish();
}

bool has(const std::string& page, const std::string& line) {
  return page.find("\n" + line + "\n") != std::string::npos;
}

const std::string kLabels =
    "gen_ai_operation_name=\"generate_content\",gen_ai_provider_name=\"gcp.gen_ai\","
    "gen_ai_response_model=\"m\",server_address=\"daily-cloudcode-pa.googleapis.com\","
    "server_port=\"443\"";

TEST(RenderGenAi, InputHasCachedOnesAndOutputHasReasoning) {
  auto record = test::call(1, "m", 5);
  record.usage->cached_input = 20;
  record.usage->input_uncached = 30;
  record.usage->reasoning = 4;
  const auto page = page_of(report_of({record}));
  const std::string usage = "gen_ai_client_inference_usage_";
  const std::string labels = "{" + kLabels + ",gen_ai_token_modality=\"unknown\"} ";
  EXPECT_TRUE(has(page, usage + "input_tokens_total" + labels + "50")) << page;
  EXPECT_TRUE(has(page, usage + "output_tokens_total" + labels + "5"));
  EXPECT_TRUE(has(page, usage + "cache_read_input_tokens_total" + labels + "20"));
  EXPECT_TRUE(has(page, usage + "cache_write_input_tokens_total" + labels + "0"));
  EXPECT_TRUE(has(page, usage + "reasoning_output_tokens_total" + labels + "4"));
}

TEST(RenderGenAi, TokensOfAllModalitiesAddUpToTheWhole) {
  auto record = test::call(1, "m", 5);
  record.usage->cached_input = 20;
  record.usage->reasoning = 4;
  record.usage->input_by_modality = {{"text", 30}, {"document", 8}};
  record.usage->output_by_modality = {{"audio", 1}};
  record.usage->cached_by_modality = {{"text", 20}};
  const auto page = page_of(report_of({record, test::call(2, "m")}));
  const auto expect = [&](const char* name, const char* modality, const char* value) {
    EXPECT_TRUE(has(page, std::string("gen_ai_client_inference_usage_") + name + "_tokens_total{" +
                              kLabels + ",gen_ai_token_modality=\"" + modality + "\"} " + value))
        << name << ' ' << modality << '\n'
        << page;
  };
  expect("input", "text", "30");
  expect("input", "document", "8");
  expect("input", "unknown", "22");
  expect("output", "audio", "1");
  expect("output", "unknown", "5");
  expect("cache_read_input", "text", "20");
  expect("cache_read_input", "unknown", "0");
  expect("cache_write_input", "unknown", "0");
  expect("reasoning_output", "unknown", "4");
  EXPECT_EQ(page.find("reasoning_output_tokens_total{" + kLabels + ",gen_ai_token_modality=\"text"),
            std::string::npos)
      << "no provider splits it";
}

TEST(RenderGenAi, TheModelThatWasAskedForIsALabelWhereItIsKnown) {
  auto alias = test::call(1, "m");
  alias.request_model = "latest";
  const auto page = page_of(report_of({alias, test::call(2, "m", 7)}));
  const std::string output = "gen_ai_client_inference_usage_output_tokens_total{";
  const std::string duration = "gen_ai_client_inference_duration_seconds_count{";
  const std::string unknown = ",gen_ai_token_modality=\"unknown\"} ";
  auto labels = kLabels;
  labels.insert(labels.find("gen_ai_response_model"), "gen_ai_request_model=\"latest\",");
  EXPECT_TRUE(has(page, output + labels + unknown + "1")) << page;
  EXPECT_TRUE(has(page, output + kLabels + unknown + "7"));
  EXPECT_TRUE(has(page, duration + labels + "} 1"));
  EXPECT_TRUE(has(page, duration + kLabels + "} 1"));
}

TEST(RenderGenAi, KindsOfACallAreNoLabel) {
  auto tab = test::call(2, "m");
  tab.request_kind = usage::RequestKind::tab;
  const auto page = page_of(report_of({test::call(1, "m"), tab}));
  EXPECT_TRUE(has(page, "gen_ai_client_inference_usage_input_tokens_total{" + kLabels +
                            ",gen_ai_token_modality=\"unknown\"} 20"))
      << page;
}

TEST(RenderGenAi, FailedCallsAreTimedWithTheirError) {
  auto failed = test::call(1, "m");
  failed.outcome = usage::Outcome::error;
  failed.http_status = 429;
  failed.usage.reset();
  const auto page = page_of(report_of({failed, test::call(2, "m")}));
  const std::string duration = "gen_ai_client_inference_duration_seconds_";
  EXPECT_TRUE(has(page, duration + "count{" + kLabels + ",error_type=\"429\"} 1")) << page;
  EXPECT_TRUE(has(page, duration + "count{" + kLabels + "} 1"));
  EXPECT_TRUE(has(page, duration + "bucket{" + kLabels + ",le=\"0.64\"} 0"));
  EXPECT_TRUE(has(page, duration + "bucket{" + kLabels + ",le=\"1.28\"} 1"));
  EXPECT_TRUE(has(page, duration + "sum{" + kLabels + "} 1.0"));
  EXPECT_TRUE(has(page, "gen_ai_client_inference_operation_input_tokens_bucket{" + kLabels +
                            ",error_type=\"429\",le=\"1.0\"} 1"))
      << "unknown is recorded as 0 there";
}

TEST(RenderGenAi, ChunksAreOfStreamsAlone) {
  auto stream = test::call(1, "m");
  stream.pace.emplace();
  stream.pace->first_chunk_at = stream.pace->last_chunk_at = stream.started_at;
  const auto page = page_of(report_of({stream, test::call(2, "m")}));
  EXPECT_TRUE(
      has(page, "gen_ai_client_inference_time_to_first_chunk_seconds_count{" + kLabels + "} 1"))
      << page;
  EXPECT_EQ(page.find("gen_ai_client_inference_time_per_output_chunk_seconds_count"),
            std::string::npos)
      << "there was one chunk only";
}

TEST(RenderGenAi, NamesAreThoseThatAreAskedFor) {
  auto unknown = test::call(1, "m");
  unknown.usage.reset();
  const auto names = [&](Semconv semconv) {
    return page_of(report_of({unknown, test::call(2, "m")}, semconv));
  };
  const std::string latest = "gen_ai_client_inference_duration_seconds_count";
  const std::string old = "gen_ai_client_operation_duration_seconds_count";
  EXPECT_NE(names(Semconv::latest).find(latest), std::string::npos);
  EXPECT_EQ(names(Semconv::latest).find(old), std::string::npos);
  EXPECT_EQ(names(Semconv::v1_41).find(latest), std::string::npos);
  EXPECT_NE(names(Semconv::v1_41).find(old), std::string::npos);
  const auto both = names(Semconv::both);
  EXPECT_NE(both.find(latest), std::string::npos);
  EXPECT_NE(both.find(old), std::string::npos);
  EXPECT_TRUE(
      has(both, "gen_ai_client_token_usage_count{" + kLabels + ",gen_ai_token_type=\"input\"} 1"))
      << "version 1.41 leaves out what is not known";
}

TEST(RenderGenAi, WhatIsBeyondTheBoundHasNoAddress) {
  std::vector<usage::Record> records;
  for (std::uint64_t i = 1; i <= CallTotals::kMostHosts + 5; ++i) {
    records.push_back(test::call(i, "m"));
    records.back().host = "h" + std::to_string(i) + ".example";
  }
  const auto page = page_of(report_of(records));
  EXPECT_EQ(page.find("server_address=\"other\""), std::string::npos);
  EXPECT_TRUE(has(page,
                  "gen_ai_client_inference_usage_output_tokens_total{gen_ai_operation_name="
                  "\"generate_content\",gen_ai_provider_name=\"gcp.gen_ai\",gen_ai_response_model="
                  "\"m\",gen_ai_token_modality=\"unknown\"} 5"))
      << page;
}

TEST(RenderGenAi, ThePortIsThatOfUpstream) {
  auto report = report_of({test::call(1, "m")});
  report.ports[test::kCodeAssist] = 8443;
  EXPECT_NE(page_of(report).find("server_port=\"8443\""), std::string::npos);
}

// A thousand models at a thousand hosts, with every error there is.
TEST(RenderGenAi, APageStaysSmallWhateverClientsName) {
  std::vector<usage::Record> records;
  for (std::uint64_t i = 1; i <= 3'000; ++i) {
    auto record = test::call(i, std::string(100, 'm') + std::to_string(i % 1'000));
    record.request_model = std::string(100, 'r') + std::to_string(i % 991);
    record.host = std::string(100, 'h') + std::to_string(i % 997);
    record.outcome = i % 2 == 0 ? usage::Outcome::error : usage::Outcome::ok;
    record.http_status = static_cast<std::uint16_t>(400 + i % 200);
    record.usage->input_by_modality = {{"text", 1}, {std::string(60, 'x') + std::to_string(i), 1}};
    record.pace.emplace();
    record.pace->add(record.started_at);
    records.push_back(std::move(record));
  }
  const auto page = page_of(report_of(records, Semconv::both));
  EXPECT_LT(page.size(), 6U * 1024 * 1024);
  EXPECT_LT(std::count(page.begin(), page.end(), '\n'), 12'000);
}

}  // namespace
}  // namespace agp::metrics
