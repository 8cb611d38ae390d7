#include "daemon/otlp/names.h"

#include "daemon/metrics/catalogue.h"

#include <algorithm>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace agp::otlp {
namespace {

std::string with_underscores(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

// What Prometheus makes of a name of OpenTelemetry is the name that it scrapes.
TEST(Names, EveryMetricOfTheConventionsHasTheirNameAndIsTheSameToPrometheus) {
  for (const auto& family : metrics::catalogue()) {
    const std::string name = family.name;
    const auto known = metric_name(name, family.unit);
    if (!name.starts_with("gen_ai_")) {
      EXPECT_EQ(known.name, name);
      EXPECT_EQ(known.names, Names::own);
      continue;
    }
    EXPECT_NE(known.names, Names::own) << name;
    auto expected = with_underscores(known.name);
    expected += known.unit == "s" ? "_seconds" : "";
    expected += family.type == metrics::Type::counter ? "_total" : "";
    EXPECT_EQ(expected, name);
    EXPECT_EQ(known.unit, name.ends_with("_seconds") ? "s" : "{token}") << name;
  }
}

TEST(Names, EveryAttributeOfTheConventionsHasItsDots) {
  for (const auto& family : metrics::catalogue()) {
    std::istringstream labels(family.labels);
    for (std::string label; labels >> label;) {
      const auto attribute = attribute_name(label);
      EXPECT_EQ(with_underscores(attribute), label);
      const bool is_theirs = label.starts_with("gen_ai_") || label.starts_with("server_") ||
                             label.starts_with("error_");
      EXPECT_EQ(attribute.find('.') != std::string_view::npos, is_theirs) << label;
    }
  }
}

TEST(Names, UnitsAreThoseOfUcum) {
  EXPECT_EQ(metric_name("antigravity_ledger_bytes", "bytes").unit, "By");
  EXPECT_EQ(metric_name("antigravity_start_timestamp_seconds", "seconds").unit, "s");
  EXPECT_EQ(metric_name("antigravity_quota_remaining_ratio", "ratio").unit, "1");
  EXPECT_EQ(metric_name("antigravity_connections", "").unit, "");
}

}  // namespace
}  // namespace agp::otlp
