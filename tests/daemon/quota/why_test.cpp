#include "daemon/quota/why.h"

#include "tests/daemon/quota/some_points.h"

#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace agp::quota {
namespace {

using test::at;
using test::point;

constexpr std::uint32_t kOwner = 1000;

Course course(std::vector<Point> points, std::string id = "gemini-5h") {
  return {{kOwner, Kind::pool, std::move(id), "Gemini Models", "5h"}, std::move(points)};
}

usage::Record call(int ended, std::uint64_t total, std::string cascade = "c-1") {
  usage::Record out;
  out.api = usage::Api::code_assist;
  out.owner_uid = kOwner;
  out.started_at = at(ended) - std::chrono::seconds(20);
  out.ended_at = at(ended);
  out.model = "gemini-3-flash";
  out.request_kind = usage::RequestKind::agent;
  out.cascade_id = std::move(cascade);
  out.usage.emplace();
  out.usage->total = total;
  out.usage->input_total = total - 1;
  out.usage->cached_input = 1;
  out.usage->output_total = 1;
  return out;
}

Answer answer(std::vector<Course> courses, const std::vector<usage::Record>& calls) {
  Why why(std::move(courses), at(0), at(300));
  for (const auto& each : calls) {
    why.add(each);
  }
  return std::move(why).take();
}

TEST(QuotaWhy, CallsStandBesideTheFallInWhichTheyEnded) {
  const auto out = answer(
      {course({point(0, 0.9), point(10, 0.9), point(15, 0.8), point(20, 0.8), point(25, 0.75)})},
      {call(5, 7), call(12, 100, "c-1"), call(15, 300, "c-2"), call(22, 50)});
  ASSERT_EQ(out.findings.size(), 1U);
  const auto& found = out.findings[0];
  EXPECT_NEAR(found.fell_by, 0.15, 1e-9);
  EXPECT_EQ(found.fell_without_calls, 0);
  ASSERT_EQ(found.falls.size(), 2U);
  EXPECT_EQ(found.falls[0].since, at(10));
  EXPECT_EQ(found.falls[0].until, at(15));
  EXPECT_EQ(found.falls[0].measured.total, 400U);
  EXPECT_EQ(found.falls[1].measured.calls, 1U);
  EXPECT_EQ(found.measured.total, 450U);
  EXPECT_EQ(found.measured.cached_input, 3U);
  ASSERT_EQ(found.by_cascade.size(), 2U);
  EXPECT_EQ(found.by_cascade[0].key, "c-2") << "the most tokens first";
  EXPECT_EQ(found.by_cascade[1].measured.total, 150U);
  ASSERT_EQ(found.by_model.size(), 1U);
  EXPECT_EQ(found.by_kind[0].key, "agent");
  EXPECT_EQ(out.measured.calls, 4U);
  EXPECT_EQ(out.calls_without_fall, 1U);
  EXPECT_EQ(out.calls_not_sampled, 0U);
}

TEST(QuotaWhy, AFallWithoutCallsWasMadeElsewhere) {
  const auto out = answer({course({point(0, 0.9), point(10, 0.8), point(20, 0.7)})}, {call(15, 9)});
  EXPECT_NEAR(out.findings[0].fell_by, 0.2, 1e-9);
  EXPECT_NEAR(out.findings[0].fell_without_calls, 0.1, 1e-9);
}

TEST(QuotaWhy, ACallThatEndedShortlyBeforeMayBeChargedLate) {
  const auto out = answer({course({point(0, 0.9), point(10, 0.8)})}, {call(-1, 9)});
  EXPECT_EQ(out.findings[0].falls[0].measured.calls, 0U);
  EXPECT_EQ(out.findings[0].falls[0].shortly_before, 1U);
  EXPECT_EQ(out.findings[0].fell_without_calls, 0);
  EXPECT_EQ(answer({course({point(0, 0.9), point(10, 0.8)})}, {call(-2, 9)})
                .findings[0]
                .falls[0]
                .shortly_before,
            0U);
}

TEST(QuotaWhy, WhatCannotUseUpTheQuotaDoesNotCount) {
  auto other_login = call(5, 100);
  other_login.owner_uid = 1001;
  auto nobody = call(5, 100);
  nobody.owner_uid.reset();
  auto own_key = call(5, 100);
  own_key.api = usage::Api::messages;
  const auto out =
      answer({course({point(0, 0.9), point(10, 0.8)})}, {other_login, nobody, own_key});
  EXPECT_EQ(out.findings[0].measured.calls, 0U);
  EXPECT_NEAR(out.findings[0].fell_without_calls, 0.1, 1e-9);
}

TEST(QuotaWhy, UnknownUsageIsCountedAndNotZero) {
  auto unknown = call(5, 100);
  unknown.usage.reset();
  const auto out = answer({course({point(0, 0.9), point(10, 0.8)})}, {unknown, call(6, 10)});
  EXPECT_EQ(out.findings[0].measured.calls, 2U);
  EXPECT_EQ(out.findings[0].measured.usage_unknown, 1U);
  EXPECT_EQ(out.findings[0].measured.total, 10U);
  EXPECT_EQ(out.findings[0].measured.reasoning_unknown, 1U);
  EXPECT_EQ(out.findings[0].fell_without_calls, 0) << "a call was there";
}

TEST(QuotaWhy, AResetIsCountedAndIsNoFall) {
  const auto out =
      answer({course({point(0, 0.2, 5), point(10, 0.9, 310), point(20, 0.8, 310)})}, {});
  EXPECT_EQ(out.findings[0].resets, 1U);
  EXPECT_NEAR(out.findings[0].fell_by, 0.1, 1e-9);
  EXPECT_EQ(out.findings[0].falls.size(), 1U);
}

TEST(QuotaWhy, CallsBehindTheLastSampleAreNotJudged) {
  const auto out = answer({course({point(0, 0.9), point(10, 0.8)})}, {call(11, 1), call(12, 1)});
  EXPECT_EQ(out.calls_not_sampled, 2U);
  EXPECT_EQ(out.calls_without_fall, 0U);
  EXPECT_EQ(answer({}, {call(1, 1)}).calls_not_sampled, 1U);
}

TEST(QuotaWhy, OneCallMayStandBesideFallsOfSeveralQuotas) {
  const auto out = answer({course({point(0, 0.9), point(10, 0.8)}, "gemini-5h"),
                           course({point(0, 0.9), point(10, 0.6)}, "gemini-weekly"),
                           course({point(0, 0.9), point(10, 0.9)}, "3p-5h")},
                          {call(5, 10)});
  ASSERT_EQ(out.findings.size(), 3U);
  EXPECT_EQ(out.findings[0].series.id, "gemini-weekly") << "the largest fall first";
  EXPECT_EQ(out.findings[1].measured.total, 10U);
  EXPECT_EQ(out.findings[2].measured.calls, 0U);
  EXPECT_EQ(out.measured.calls, 1U);
}

TEST(QuotaWhy, AnOlderPointMakesOlderCallsCount) {
  const Why none({}, at(0), at(300));
  EXPECT_EQ(none.calls_since(), at(-60));
  const Why why({course({point(-600, 1), point(10, 0.8)})}, at(0), at(300));
  EXPECT_EQ(why.calls_since(), at(-662));
  const auto out = answer({course({point(-600, 1, 0), point(10, 0.8)})}, {call(-300, 10)});
  EXPECT_EQ(out.findings[0].measured.total, 10U);
  EXPECT_EQ(out.measured.calls, 0U) << "it did not end in the time in question";
}

}  // namespace
}  // namespace agp::quota
