#include "daemon/ledger/quota_samples.h"

#include "daemon/ledger/file.h"
#include "daemon/ledger/retention.h"
#include "daemon/ledger/sqlite_ledger.h"
#include "tests/daemon/ledger/rig.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

using test::at;
using test::kMorning;

quota::Series series(std::uint32_t owner = 1000, std::string id = "gemini-5h") {
  return {owner, quota::Kind::pool, std::move(id), "Gemini Models", "5h"};
}

quota::Point point(int minute, double remaining) {
  return {at(kMorning + minute * 60), remaining, at(kMorning + 18'000)};
}

class QuotaSamples : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = open_for_writing(dir_.file(), std::nullopt);
    ASSERT_TRUE(opened) << opened.error().text();
    database_ = std::move(*opened);
  }
  void keep(const std::vector<quota::Sample>& samples, std::int64_t most = 1000) {
    std::vector<const quota::Sample*> pointers;
    for (const auto& sample : samples) {
      pointers.push_back(&sample);
    }
    const auto kept = keep_samples(database_, pointers, most);
    ASSERT_TRUE(kept) << kept.error().text();
  }
  std::vector<quota::Course> ask(const QuotaQuery& query = {}) {
    auto courses = ask_quota(database_, query);
    EXPECT_TRUE(courses) << courses.error().text();
    return courses ? *courses : std::vector<quota::Course>();
  }

  test::TempDir dir_;
  sqlite::Database database_;
};

TEST_F(QuotaSamples, ARunKeepsItsFirstAndItsLast) {
  for (int minute = 0; minute < 10; ++minute) {
    keep({{series(), point(minute, 0.5)}});
  }
  keep({{series(), point(10, 0.4)}});
  auto courses = ask();
  ASSERT_EQ(courses.size(), 1U);
  EXPECT_EQ(courses[0].series, series());
  const std::vector<quota::Point> wanted{point(0, 0.5), point(9, 0.5), point(10, 0.4)};
  EXPECT_EQ(courses[0].points, wanted);
  keep({{series(), point(4, 0.5)}, {series(), point(9, 0.5)}, {series(), point(10, 0.4)}});
  EXPECT_EQ(ask()[0].points, wanted) << "again, out of the spool";
}

TEST_F(QuotaSamples, AnEndOfTheWindowThatIsNotKnownStaysUnknown) {
  keep({{series(), {at(kMorning), 0.0, std::nullopt}}});
  EXPECT_EQ(ask()[0].points, (std::vector<quota::Point>{{at(kMorning), 0.0, std::nullopt}}));
}

TEST_F(QuotaSamples, EveryoneHasTheirOwn) {
  keep({{series(1000), point(0, 0.5)}, {series(1001), point(0, 0.4)}});
  QuotaQuery query;
  query.owners = std::vector<std::uint32_t>{1001};
  const auto courses = ask(query);
  ASSERT_EQ(courses.size(), 1U);
  EXPECT_EQ(courses[0].points[0].remaining, 0.4);
  query.owners = std::vector<std::uint32_t>{};
  EXPECT_TRUE(ask(query).empty());
  EXPECT_EQ(ask().size(), 2U);
}

TEST_F(QuotaSamples, AQuestionHasTheTimeItNamesAndThePointBefore) {
  for (int minute = 0; minute < 6; ++minute) {
    keep({{series(), point(minute, 0.9 - 0.1 * minute)}});
  }
  keep({{series(1000, "3p-5h"), point(0, 1)}});
  QuotaQuery query;
  query.since = point(2, 0).at;
  query.until = point(4, 0).at;
  auto courses = ask(query);
  ASSERT_EQ(courses.size(), 1U) << "the other one has no point in that time";
  EXPECT_EQ(courses[0].points.size(), 2U);
  query.with_one_before = true;
  courses = ask(query);
  ASSERT_EQ(courses.size(), 2U);
  EXPECT_EQ(courses[0].points.size(), 1U) << "3p-5h";
  EXPECT_EQ(courses[1].points.size(), 3U);
  EXPECT_EQ(courses[1].points[0].at, point(1, 0).at);
}

TEST_F(QuotaSamples, BeyondTheirNumberTheOldestGo) {
  for (int minute = 0; minute < 20; ++minute) {
    keep({{series(), point(minute, 0.9 - 0.01 * minute)}}, 8);
  }
  const auto points = ask()[0].points;
  ASSERT_EQ(points.size(), 8U);
  EXPECT_EQ(points.front().at, point(12, 0).at);
  EXPECT_EQ(points.back().at, point(19, 0).at);
}

TEST_F(QuotaSamples, TheyTakeAnEighthOfTheLedgerAtMost) {
  EXPECT_EQ(most_samples(std::nullopt), most_samples(1ULL << 40U));
  const auto small = most_samples(1ULL << 20U);
  EXPECT_LT(small, 2000);
  EXPECT_GT(small, 500);
}

TEST_F(QuotaSamples, TheyGoAtTheAgeOfRecordsAndSoDoTheirNames) {
  std::vector<quota::Sample> samples;
  for (int minute = 0; minute < 2500; ++minute) {
    samples.push_back({series(), point(minute, minute % 2 == 0 ? 0.5 : 0.4)});
  }
  samples.push_back({series(1000, "gone"), point(0, 0.5)});
  keep(samples, 10'000);
  const Retention retention{std::chrono::days(1), std::chrono::days(400), std::nullopt};
  const auto now = point(2000, 0).at + std::chrono::days(1);
  int steps = 0;
  for (bool more = true; more; ++steps) {
    ASSERT_LT(steps, 10);
    const auto done = age_one_step(database_, retention, now);
    ASSERT_TRUE(done) << done.error().text();
    more = done->has_more;
  }
  EXPECT_GT(steps, 2) << "a small part at a time";
  EXPECT_EQ(ask().size(), 1U);
  EXPECT_EQ(ask()[0].points.front().at, point(2000, 0).at);
  EXPECT_EQ(*database_.integer("SELECT count(*) FROM quota_series"), 1);
}

TEST_F(QuotaSamples, OneThatNoLedgerCanKeepStopsNothing) {
  keep({{series(), point(0, std::numeric_limits<double>::quiet_NaN())},
        {series(), point(1, 7)},
        {series(), point(2, 0.5)}});
  EXPECT_EQ(ask()[0].points, (std::vector<quota::Point>{point(2, 0.5)}));
}

TEST(QuotaSamplesOfTheLedger, AreAnsweredRightAfterTheyWereAppended) {
  const test::TempDir dir;
  auto ledger = SqliteLedger::start(test::options_for(dir.file()));
  ledger->append_quota({series(), point(0, 0.5)});
  ledger->append_quota({series(), point(5, 0.4)});
  const auto courses = ledger->quota({});
  ASSERT_TRUE(courses) << courses.error().text();
  ASSERT_EQ(courses->size(), 1U);
  EXPECT_EQ(courses->front().points.size(), 2U);
  EXPECT_EQ(ledger->summary()->records, 0U) << "a sample is no record";
}

}  // namespace
}  // namespace agp::ledger
