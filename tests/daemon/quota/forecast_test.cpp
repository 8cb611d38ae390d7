#include "daemon/quota/forecast.h"

#include "tests/daemon/quota/some_points.h"

#include <vector>

#include <gtest/gtest.h>

namespace agp::quota {
namespace {

using test::at;
using test::point;
using Points = std::vector<Point>;

TEST(QuotaForecast, IsTheMeanRateOfThePresentWindow) {
  const auto out = forecast(Points{point(0, 0.8), point(30, 0.7), point(60, 0.5)}, at(61));
  ASSERT_TRUE(out);
  EXPECT_NEAR(out->rate_per_hour, 0.3, 1e-9);
  EXPECT_EQ(out->basis, std::chrono::seconds(3600));
  ASSERT_TRUE(out->empty_at);
  EXPECT_EQ(*out->empty_at, at(160)) << "0.5 at 0.3 an hour";
}

TEST(QuotaForecast, SaysSoWhenItLastsUntilItResets) {
  const auto out = forecast(Points{point(0, 0.8), point(30, 0.78), point(60, 0.76)}, at(61));
  ASSERT_TRUE(out);
  EXPECT_GT(out->rate_per_hour, 0);
  EXPECT_FALSE(out->empty_at);
}

TEST(QuotaForecast, AQuotaThatIsNotUsedLasts) {
  const auto out =
      forecast(Points{point(0, 0.8, std::nullopt), point(30, 0.8, std::nullopt)}, at(31));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->rate_per_hour, 0);
  EXPECT_FALSE(out->empty_at);
}

TEST(QuotaForecast, WithoutAnEndOfTheWindowItIsStillSaidWhenItIsEmpty) {
  const auto none = std::nullopt;
  const auto out =
      forecast(Points{point(0, 0.9, none), point(30, 0.6, none), point(60, 0.3, none)}, at(60));
  ASSERT_TRUE(out && out->empty_at);
  EXPECT_EQ(*out->empty_at, at(90));
}

TEST(QuotaForecast, WhatWasBeforeTheResetDoesNotCount) {
  const auto out = forecast(Points{point(0, 0.9, 100), point(90, 0.1, 100), point(110, 1, 400),
                                   point(120, 0.9, 400), point(140, 0.8, 400)},
                            at(140));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->basis, std::chrono::minutes(30));
  EXPECT_NEAR(out->rate_per_hour, 0.4, 1e-9);
}

TEST(QuotaForecast, ThereIsNoneOnTooLittle) {
  const Points good{point(0, 0.8), point(30, 0.7), point(60, 0.5)};
  EXPECT_FALSE(forecast({}, at(61)));
  EXPECT_FALSE(forecast(Points{point(60, 0.5)}, at(61)));
  EXPECT_FALSE(forecast(Points{point(0, 0.8), point(60, 0.5)}, at(61))) << "one fall";
  EXPECT_FALSE(forecast(Points{point(51, 0.8), point(55, 0.7), point(60, 0.5)}, at(61)));
  EXPECT_TRUE(forecast(good, at(75)));
  EXPECT_FALSE(forecast(good, at(76))) << "what is known is old";
  EXPECT_FALSE(forecast(Points{point(0, 0.8, 62), point(30, 0.7, 62), point(60, 0.5, 62)}, at(62)));
  EXPECT_FALSE(forecast(Points{point(0, 0.8), point(30, 0.7), point(60, 0)}, at(61)))
      << "it is empty";
}

TEST(QuotaForecast, ARateNextToNothingDoesNotOverflow) {
  const auto none = std::nullopt;
  const auto out = forecast(
      Points{point(0, 0.9, none), point(30, 0.9 - 1e-12, none), point(60, 0.9 - 2e-12, none)},
      at(60));
  ASSERT_TRUE(out);
  EXPECT_FALSE(out->empty_at);
}

}  // namespace
}  // namespace agp::quota
