#include "daemon/api/failed_callers.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using std::chrono::seconds;
using Reason = FailedCallers::Reason;

FailedCallers::TimePoint at(int second) {
  return FailedCallers::TimePoint(seconds(1000 + second));
}

TEST(FailedCallers, AFewAreToldWhyAndMoreHaveToWait) {
  FailedCallers callers({3, seconds(10), 8});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(callers.on_failure("a", Reason::unknown_key, at(0)), seconds(0)) << i;
  }
  EXPECT_EQ(callers.on_failure("a", Reason::unknown_key, at(0)), seconds(10));
  EXPECT_EQ(callers.on_failure("a", Reason::unknown_key, at(4)), seconds(6));
  EXPECT_EQ(callers.on_failure("a", Reason::unknown_key, at(10)), seconds(0));
  EXPECT_EQ(callers.on_failure("a", Reason::unknown_key, at(10)), seconds(10));
}

TEST(FailedCallers, TryingOnAllTheTimeMakesTheWaitNoLonger) {
  FailedCallers callers({1, seconds(10), 8});
  EXPECT_EQ(callers.on_failure("a", Reason::unknown_key, at(0)), seconds(0));
  for (int second = 0; second < 10; ++second) {
    EXPECT_EQ(callers.on_failure("a", Reason::unknown_key, at(second)), seconds(10 - second));
  }
  EXPECT_EQ(callers.on_failure("a", Reason::unknown_key, at(10)), seconds(0));
}

TEST(FailedCallers, EachAddressHasItsOwn) {
  FailedCallers callers({1, seconds(10), 8});
  EXPECT_EQ(callers.on_failure("a", Reason::unknown_key, at(0)), seconds(0));
  EXPECT_EQ(callers.on_failure("b", Reason::unidentified, at(0)), seconds(0));
  EXPECT_GT(callers.on_failure("a", Reason::unknown_key, at(0)), seconds(0));
}

TEST(FailedCallers, AreCountedByReason) {
  FailedCallers callers({2, seconds(10), 8});
  (void)callers.on_failure("a", Reason::unknown_key, at(0));
  (void)callers.on_failure("a", Reason::unidentified, at(0));
  (void)callers.on_failure("a", Reason::refused, at(0));
  (void)callers.on_failure("a", Reason::unknown_key, at(0));
  EXPECT_EQ(callers.counts(), (FailedCallers::Counts{1, 2, 1, 2}));
}

TEST(FailedCallers, ManyAddressesTakeNoMoreMemoryAndDriveOutNobodyWhoFailsAllTheTime) {
  FailedCallers callers({2, seconds(10), 4});
  for (int i = 0; i < 3; ++i) {
    (void)callers.on_failure("worst", Reason::unknown_key, at(0));
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(callers.on_failure(std::to_string(i), Reason::unknown_key, at(0)), seconds(0));
  }
  EXPECT_GT(callers.on_failure("worst", Reason::unknown_key, at(0)), seconds(0));
}

}  // namespace
}  // namespace agp::api
