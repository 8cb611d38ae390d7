#include "daemon/metrics/exposition.h"

#include <initializer_list>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace agp::metrics {
namespace {

std::string as_it_is(std::string_view text) {
  return std::string(text);
}

Format negotiated(std::initializer_list<std::string_view> fields) {
  const std::vector<std::string_view> accept(fields);
  return negotiate(accept);
}

TEST(Exposition, OpenMetricsOnlyForThoseWhoAskForIt) {
  EXPECT_EQ(negotiated({}), Format::prometheus);
  EXPECT_EQ(negotiated({"*/*"}), Format::prometheus);
  EXPECT_EQ(negotiated({"text/plain"}), Format::prometheus);
  EXPECT_EQ(negotiated({"application/openmetrics-text"}), Format::openmetrics);
  // Prometheus 2.42 and 3
  EXPECT_EQ(negotiated({"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
                        "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"}),
            Format::openmetrics);
  EXPECT_EQ(negotiated({"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
                        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2"}),
            Format::openmetrics);
}

TEST(Exposition, QualitiesAndVersionsCount) {
  EXPECT_EQ(negotiated({"application/openmetrics-text;q=0.2, text/plain;q=0.8"}),
            Format::prometheus);
  EXPECT_EQ(negotiated({"application/openmetrics-text;q=0"}), Format::prometheus);
  EXPECT_EQ(negotiated({"application/openmetrics-text; version=9.0.0"}), Format::prometheus);
  EXPECT_EQ(negotiated({"text/html", "application/openmetrics-text ; version=1.0.0 ; q=0.9"}),
            Format::openmetrics);
  EXPECT_EQ(negotiated({";;;,,q=,;=,application/openmetrics-text;q=x"}), Format::openmetrics);
}

TEST(Exposition, CountersAndInfosLoseTheirSuffixInOpenMetricsHeadsOnly) {
  for (const auto format : {Format::prometheus, Format::openmetrics}) {
    Page page(format, as_it_is);
    page.family("antigravity_spliced_bytes_total");
    page.sample(3);
    page.family("antigravity_build_info");
    page.sample(1, {{"version", "1"}, {"semconv", "2"}});
    const auto text = page.finish();
    EXPECT_NE(text.find("\nantigravity_spliced_bytes_total 3\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\nantigravity_build_info{version=\"1\",semconv=\"2\"} 1\n"),
              std::string::npos);
    const bool is_open = format == Format::openmetrics;
    EXPECT_EQ(text.find("# TYPE antigravity_spliced_bytes counter\n") != std::string::npos,
              is_open);
    EXPECT_EQ(text.find("# UNIT antigravity_spliced_bytes bytes\n") != std::string::npos, is_open);
    EXPECT_EQ(text.find("# TYPE antigravity_build info\n") != std::string::npos, is_open);
    EXPECT_EQ(text.ends_with("# EOF\n"), is_open);
    EXPECT_EQ(text.find("# TYPE antigravity_build_info gauge\n") != std::string::npos, !is_open);
  }
}

TEST(Exposition, LabelValuesAreEscapedAndCleaned) {
  Page page(Format::prometheus, [](std::string_view text) { return std::string(text) + "!"; });
  page.family("antigravity_unpriced_operations_total");
  page.sample(1, {{"model", "a\"b\\c\nd"}});
  EXPECT_NE(page.finish().find("{model=\"a\\\"b\\\\c\\nd!\"} 1\n"), std::string::npos);
}

TEST(Exposition, BucketsOfAHistogramAddUp) {
  Page page(Format::prometheus, as_it_is);
  page.family("gen_ai_client_inference_duration_seconds");
  const std::vector<Sink::Bucket> buckets{{"0.01", 1}, {"0.02", 0}, {"+Inf", 2}};
  page.histogram(buckets, "4.5", {{"error_type", "429"}});
  const auto text = page.finish();
  EXPECT_NE(
      text.find(
          "_seconds_bucket{error_type=\"429\",le=\"0.01\"} 1\n"
          "gen_ai_client_inference_duration_seconds_bucket{error_type=\"429\",le=\"0.02\"} 1\n"
          "gen_ai_client_inference_duration_seconds_bucket{error_type=\"429\",le=\"+Inf\"} 3\n"
          "gen_ai_client_inference_duration_seconds_sum{error_type=\"429\"} 4.5\n"
          "gen_ai_client_inference_duration_seconds_count{error_type=\"429\"} 3\n"),
      std::string::npos)
      << text;
}

TEST(Exposition, DecimalsAreExact) {
  EXPECT_EQ(decimal(0, 6), "0.0");
  EXPECT_EQ(decimal(1, 12), "0.000000000001");
  EXPECT_EQ(decimal(1'500'000, 6), "1.5");
  EXPECT_EQ(decimal(20'000'000, 6), "20.0");
  EXPECT_EQ(decimal(std::numeric_limits<std::uint64_t>::max(), 6), "18446744073709.551615");
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(1), "1");
}

}  // namespace
}  // namespace agp::metrics
