#include "daemon/api/rfc3339.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

TEST(Rfc3339, WholeSecondsHaveNoFraction) {
  EXPECT_EQ(to_rfc3339(usage::Micros(seconds(1'795'320'000))), "2026-11-22T04:00:00Z");
  EXPECT_EQ(to_rfc3339(usage::Micros(seconds(0))), "1970-01-01T00:00:00Z");
}

TEST(Rfc3339, OtherTimesHaveSixDigits) {
  EXPECT_EQ(to_rfc3339(usage::Micros(seconds(1'795'320'000) + microseconds(1))),
            "2026-11-22T04:00:00.000001Z");
  EXPECT_EQ(to_rfc3339(usage::Micros(microseconds(-1))), "1969-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace agp::api
