#include "daemon/otlp/request.h"

#include "daemon/metrics/semconv.h"
#include "tests/daemon/otlp/support.h"

#include <vector>

#include <gtest/gtest.h>

namespace agp::otlp {
namespace {

using test::as_it_is;
using test::parsed;

constexpr std::uint64_t kSecond = 1'000'000'000;

Request request(const std::string& host_name = {}) {
  return Request({"1.2.3", "an-id", host_name}, {test::kProcess, test::kLedger}, test::kNow,
                 as_it_is);
}

std::string attribute(const wire::Resource& resource, const std::string& key) {
  for (const auto& each : resource.attributes()) {
    if (each.key() == key) {
      return each.value().string_value();
    }
  }
  return "(none)";
}

TEST(OtlpRequest, TheResourceSaysWhoSpeaks) {
  auto silent = request();
  silent.single("antigravity_connections", 1);
  const auto without = parsed(silent.finish());
  ASSERT_EQ(without.resource_metrics_size(), 1);
  const auto& resource = without.resource_metrics(0).resource();
  EXPECT_EQ(attribute(resource, "service.name"), "antigravity-proxy");
  EXPECT_EQ(attribute(resource, "service.version"), "1.2.3");
  EXPECT_EQ(attribute(resource, "service.instance.id"), "an-id");
  EXPECT_EQ(attribute(resource, "host.name"), "(none)");
  EXPECT_EQ(attribute(parsed(request("here").finish()).resource_metrics(0).resource(), "host.name"),
            "here");
}

TEST(OtlpRequest, CountersAreCumulativeSumsFromTheirOwnBeginning) {
  auto out = request();
  out.single("antigravity_accepted_connections_total", 7);
  out.family("antigravity_tokens_total");
  out.sample(5, {{"model", "m"}, {"class", "input"}});
  const auto all = parsed(out.finish());
  const auto& metrics = all.resource_metrics(0).scope_metrics(0).metrics();
  ASSERT_EQ(metrics.size(), 2);
  for (const auto& metric : metrics) {
    EXPECT_TRUE(metric.sum().is_monotonic()) << metric.name();
    EXPECT_EQ(metric.sum().aggregation_temporality(), wire::AGGREGATION_TEMPORALITY_CUMULATIVE);
    EXPECT_FALSE(metric.description().empty());
    EXPECT_EQ(metric.sum().data_points(0).time_unix_nano(), 2'000 * kSecond);
  }
  EXPECT_EQ(metrics[0].sum().data_points(0).as_int(), 7);
  EXPECT_EQ(metrics[0].sum().data_points(0).start_time_unix_nano(), 1'000 * kSecond);
  const auto& tokens = metrics[1].sum().data_points(0);
  EXPECT_EQ(tokens.start_time_unix_nano(), 500 * kSecond);  // older than the process
  ASSERT_EQ(tokens.attributes_size(), 2);
  EXPECT_EQ(tokens.attributes(1).key(), "class");
  EXPECT_EQ(tokens.attributes(1).value().string_value(), "input");
}

TEST(OtlpRequest, ABeginningThatIsNotKnownIsNotTold) {
  Request out({"1", "id", ""}, {test::kProcess, std::nullopt}, test::kNow, as_it_is);
  out.single("antigravity_ledger_records_total", 7);
  const auto all = parsed(out.finish());
  const auto& point = all.resource_metrics(0).scope_metrics(0).metrics(0).sum().data_points(0);
  EXPECT_EQ(point.start_time_unix_nano(), 0U);
}

TEST(OtlpRequest, GaugesAreValuesOfNow) {
  auto out = request();
  out.family("antigravity_quota_remaining_ratio");
  out.sample_text("0.25", {{"pool", "p"}, {"window", "5h"}});
  const auto all = parsed(out.finish());
  const auto& metric = all.resource_metrics(0).scope_metrics(0).metrics(0);
  EXPECT_EQ(metric.unit(), "1");
  EXPECT_EQ(metric.gauge().data_points(0).as_double(), 0.25);
  EXPECT_EQ(metric.gauge().data_points(0).start_time_unix_nano(), 0U);
}

TEST(OtlpRequest, HistogramsHaveOneCountMoreThanBounds) {
  auto out = request();
  out.family("gen_ai_client_inference_duration_seconds");
  const std::vector<metrics::Sink::Bucket> buckets{{"0.01", 1}, {"0.02", 0}, {"+Inf", 2}};
  out.histogram(buckets, "3.5", {{"server_port", "443"}, {"error_type", "429"}});
  const auto all = parsed(out.finish());
  const auto& scope = all.resource_metrics(0).scope_metrics(0);
  EXPECT_EQ(scope.schema_url(), metrics::kLatestSchemaUrl);
  const auto& metric = scope.metrics(0);
  EXPECT_EQ(metric.name(), "gen_ai.client.inference.duration");
  EXPECT_EQ(metric.unit(), "s");
  EXPECT_EQ(metric.histogram().aggregation_temporality(), wire::AGGREGATION_TEMPORALITY_CUMULATIVE);
  const auto& point = metric.histogram().data_points(0);
  EXPECT_EQ(point.count(), 3U);
  EXPECT_EQ(point.sum(), 3.5);
  ASSERT_EQ(point.bucket_counts_size(), 3);
  EXPECT_EQ(point.bucket_counts(2), 2U);
  ASSERT_EQ(point.explicit_bounds_size(), 2);
  EXPECT_EQ(point.explicit_bounds(1), 0.02);
  EXPECT_EQ(point.attributes(0).value().int_value(), 443);
  EXPECT_EQ(point.attributes(1).key(), "error.type");
}

TEST(OtlpRequest, EachRevisionOfTheConventionsHasItsScope) {
  auto out = request();
  out.single("antigravity_connections", 1);
  const std::vector<metrics::Sink::Bucket> buckets{{"+Inf", 1}};
  for (const auto* name :
       {"gen_ai_client_inference_duration_seconds", "gen_ai_client_operation_duration_seconds"}) {
    out.family(name);
    out.histogram(buckets, "1.0", {});
  }
  const auto all = parsed(out.finish());
  ASSERT_EQ(all.resource_metrics(0).scope_metrics_size(), 3);
  EXPECT_EQ(all.resource_metrics(0).scope_metrics(0).schema_url(), "");
  EXPECT_EQ(all.resource_metrics(0).scope_metrics(2).schema_url(), metrics::kV1_41SchemaUrl);
  EXPECT_EQ(all.resource_metrics(0).scope_metrics(2).scope().version(), "1.2.3");
}

TEST(OtlpRequest, WhatIsSaidOtherwiseIsNoMetric) {
  auto out = request();
  out.single("antigravity_connections", 1);
  for (const auto* name : {"target_info", "otel_scope_info", "antigravity_scrape_sees_usage"}) {
    out.single(name, 1);
  }
  out.family("antigravity_tokens_total");  // has no sample
  const auto all = parsed(out.finish());
  EXPECT_EQ(all.resource_metrics(0).scope_metrics(0).metrics_size(), 1);
}

TEST(OtlpRequest, GarbageIsNoRequest) {
  const auto good = test::request_of(1);
  EXPECT_TRUE(is_request(good));
  EXPECT_FALSE(is_request(""));
  EXPECT_FALSE(is_request(std::string(64, '\0')));
  EXPECT_FALSE(is_request("this is not protobuf"));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(is_request(good.substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace agp::otlp
