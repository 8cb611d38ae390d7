#include "daemon/otlp/answer.h"

#include "otlp_metrics.pb.h"

#include <gtest/gtest.h>

namespace agp::otlp {
namespace {

using namespace std::chrono_literals;
using Kind = Verdict::Kind;

constexpr usage::Micros kNow{784'111'777s};  // Sun, 06 Nov 1994 08:49:37 GMT

TEST(OtlpAnswer, OnlyFourStatusesMeanLater) {
  for (unsigned status = 100; status < 600; ++status) {
    const bool is_later = status == 429 || status == 502 || status == 503 || status == 504;
    const auto expected = is_later            ? Kind::later
                          : status / 100 == 2 ? Kind::accepted
                                              : Kind::refused;
    EXPECT_EQ(judge({status, "", ""}, kNow).kind, expected) << status;
  }
}

TEST(OtlpAnswer, ReadsHowLongToWait) {
  const auto wait = [](const char* field) {
    return judge({503, field, ""}, kNow).retry_after;
  };
  EXPECT_EQ(wait("30"), 30s);
  EXPECT_EQ(wait("0"), 0s);
  EXPECT_EQ(wait("99999999999"), 1h);
  EXPECT_EQ(wait("Sun, 06 Nov 1994 08:50:37 GMT"), 60s);
  EXPECT_EQ(wait("Sun, 06 Nov 1994 08:48:37 GMT"), std::nullopt);  // over
  for (const auto* nonsense : {"", "soon", "-1", "3 s", "Sun, 06 Nov 1994"}) {
    EXPECT_EQ(wait(nonsense), std::nullopt) << nonsense;
  }
}

TEST(OtlpAnswer, SaysWhatWasRejected) {
  wire::ExportMetricsServiceResponse response;
  response.mutable_partial_success()->set_rejected_data_points(3);
  response.mutable_partial_success()->set_error_message("too\nold");
  const auto verdict = judge({200, "", response.SerializeAsString()}, kNow);
  EXPECT_EQ(verdict.kind, Kind::accepted);
  EXPECT_EQ(verdict.rejected_points, 3U);
  EXPECT_EQ(verdict.message, "too?old");
}

TEST(OtlpAnswer, ABodyThatIsNoneTakesNothingBack) {
  const auto verdict = judge({200, "", "<html>"}, kNow);
  EXPECT_EQ(verdict.kind, Kind::accepted);
  EXPECT_EQ(verdict.rejected_points, 0U);
}

TEST(OtlpAnswer, LessThanNothingIsNothing) {
  wire::ExportMetricsServiceResponse response;
  response.mutable_partial_success()->set_rejected_data_points(-1);
  response.mutable_partial_success()->set_error_message(std::string(10'000, 'x'));
  const auto verdict = judge({200, "", response.SerializeAsString()}, kNow);
  EXPECT_EQ(verdict.rejected_points, 0U);
  EXPECT_EQ(verdict.message.size(), 200U);
}

}  // namespace
}  // namespace agp::otlp
