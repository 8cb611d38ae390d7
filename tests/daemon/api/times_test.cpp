#include "daemon/api/times.h"

#include "daemon/ledger/ledger.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr usage::Micros kNow{seconds(1'795'320'000) +
                             microseconds(1)};  // 2026-11-22T04:00:00.000001Z

std::int64_t seconds_of(std::string_view text) {
  const auto at = parse_time(text, kNow);
  EXPECT_TRUE(at) << text;
  return at ? std::chrono::floor<seconds>(*at).time_since_epoch().count() : -1;
}

TEST(Times, WritesRfc3339) {
  EXPECT_EQ(to_rfc3339(usage::Micros(seconds(1'795'320'000))), "2026-11-22T04:00:00Z");
  EXPECT_EQ(to_rfc3339(kNow), "2026-11-22T04:00:00.000001Z");
  EXPECT_EQ(to_rfc3339(usage::Micros(seconds(0))), "1970-01-01T00:00:00Z");
}

TEST(Times, ReadsRfc3339WithAnyOffset) {
  EXPECT_EQ(seconds_of("2026-11-22T04:00:00Z"), 1'795'320'000);
  EXPECT_EQ(seconds_of("2026-11-22t05:30:00+01:30"), 1'795'320'000);
  EXPECT_EQ(seconds_of("2026-11-21T20:00:00-08:00"), 1'795'320'000);
  EXPECT_EQ(*parse_time("2026-11-22T04:00:00.000001Z", {}), kNow);
}

TEST(Times, ReadsWordsAndSpans) {
  EXPECT_EQ(*parse_time("now", kNow), kNow);
  EXPECT_EQ(seconds_of("today"), 1'795'305'600);
  EXPECT_EQ(seconds_of("yesterday"), 1'795'305'600 - 86'400);
  EXPECT_EQ(seconds_of("2026-11-22"), 1'795'305'600);
  EXPECT_EQ(seconds_of("-7d"), 1'795'320'000 - 7 * 86'400);
  EXPECT_EQ(seconds_of("-24h"), 1'795'320'000 - 86'400);
  EXPECT_EQ(seconds_of("-90m"), 1'795'320'000 - 5400);
  EXPECT_EQ(seconds_of("-2w"), 1'795'320'000 - 14 * 86'400);
}

TEST(Times, RefusesEverythingElseAndSaysWhatIsExpected) {
  for (const char* text :
       {"", "-", "-7", "-d", "--7d", "-7y", "-1234567d", "7d", "tomorrow", "2026-13-01",
        "2026-02-30", "2026-11-22T04:00:00", "2026-11-22T24:00:00Z", "2026-11-22T04:00:00.Z",
        "2026-11-22 04:00:00Z", "2026-11-22T04:00:00Zx", "1795320000", "+7d",
        "2026-11-22T04:00:00+1:00"}) {
    const auto at = parse_time(text, kNow);
    ASSERT_FALSE(at) << text;
    EXPECT_EQ(at.error().code, ledger::Errc::invalid_query);
    EXPECT_NE(at.error().context.find("-7d"), std::string::npos);
  }
}

}  // namespace
}  // namespace agp::api
