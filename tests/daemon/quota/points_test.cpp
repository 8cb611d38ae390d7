#include "daemon/quota/points.h"

#include "tests/daemon/quota/some_points.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace agp::quota {
namespace {

using test::at;
using test::point;

TEST(QuotaPoints, AFallIsWhatIsMissingInTheSameWindow) {
  EXPECT_DOUBLE_EQ(fall_between(point(0, 0.75), point(5, 0.5)), 0.25);
  EXPECT_EQ(fall_between(point(0, 0.5), point(5, 0.5)), 0);
  EXPECT_DOUBLE_EQ(fall_between(point(0, 0.75, std::nullopt), point(5, 0.5)), 0.25);
}

TEST(QuotaPoints, AResetIsNoFall) {
  EXPECT_EQ(fall_between(point(0, 0.5, 300), point(310, 0.25, 610)), 0) << "nobody saw it full";
  EXPECT_TRUE(is_reset_between(point(0, 0.5, 300), point(310, 0.25, 610)));
  EXPECT_TRUE(is_reset_between(point(0, 0.5, 300), point(300, 0.5, 600)));
  EXPECT_EQ(fall_between(point(0, 0.5), point(5, 0.9)), 0);
  EXPECT_TRUE(is_reset_between(point(0, 0.5), point(5, 0.9))) << "something was given back";
  EXPECT_FALSE(is_reset_between(point(0, 0.5), point(5, 0.4)));
}

TEST(QuotaPoints, AFallFromFullIsOneWhateverWasBetween) {
  EXPECT_DOUBLE_EQ(fall_between(point(0, 1, 300), point(600, 0.75, 900)), 0.25);
}

TEST(QuotaPoints, EndsOfAWindowDifferByLessThanAMinute) {
  auto other = point(5, 0.5);
  *other.resets_at += std::chrono::seconds(59);
  EXPECT_TRUE(is_same_window(point(0, 0.5), other));
  *other.resets_at += std::chrono::seconds(1);
  EXPECT_FALSE(is_same_window(point(0, 0.5), other));
  EXPECT_FALSE(is_same_window(point(0, 0.5), point(5, 0.5, std::nullopt)));
  EXPECT_TRUE(is_same_window(point(0, 0.5, std::nullopt), point(5, 0.5, std::nullopt)));
}

// What the ledger does with each.
void put(std::vector<Point>& kept, const Point& one) {
  auto next =
      std::find_if(kept.begin(), kept.end(), [&](const Point& each) { return each.at > one.at; });
  const auto index = next - kept.begin();
  const auto first = std::max<std::ptrdiff_t>(0, index - 2);
  const std::span<const Point> before(kept.data() + first, static_cast<std::size_t>(index - first));
  const auto after = next == kept.end() ? std::nullopt : std::optional(*next);
  switch (place(before, after, one)) {
    case Placement::not_needed:
      break;
    case Placement::added:
      kept.insert(next, one);
      break;
    case Placement::moves_last:
      *(next - 1) = one;
      break;
  }
}

TEST(QuotaPoints, OfARunTheFirstAndTheLastAreKept) {
  std::vector<Point> kept;
  const auto full = [](int minute) {
    return point(minute, 1, minute + 300);  // a window that has not begun
  };
  for (const auto& each :
       {full(0), full(5), full(10), point(15, 0.8), point(20, 0.5), point(25, 0.5), point(30, 0.5),
        point(301, 0.5, 600), point(305, 0.5, 600), point(310, 0.5, 600)}) {
    put(kept, each);
  }
  EXPECT_EQ(kept, (std::vector<Point>{full(0), full(10), point(15, 0.8), point(20, 0.5),
                                      point(30, 0.5), point(301, 0.5, 600), point(310, 0.5, 600)}));
}

TEST(QuotaPoints, ComingAgainChangesNothingAndAnyOrderLosesNoChange) {
  std::vector<Point> all;
  for (int minute = 0; minute < 60; ++minute) {
    all.push_back(point(minute, 1.0 - minute / 7 * 0.1));
  }
  std::vector<Point> in_order;
  for (const auto& each : all) {
    put(in_order, each);
  }
  EXPECT_LT(in_order.size(), 20U);
  const auto before = in_order;
  for (const auto& each : all) {
    put(in_order, each);
  }
  EXPECT_EQ(in_order, before);
  std::mt19937 random(7);
  std::shuffle(all.begin(), all.end(), random);
  std::vector<Point> shuffled;
  for (const auto& each : all) {
    put(shuffled, each);
  }
  for (const auto& each : in_order) {
    EXPECT_NE(std::find(shuffled.begin(), shuffled.end(), each), shuffled.end());
  }
}

}  // namespace
}  // namespace agp::quota
