#include "daemon/ledger/groups.h"

#include "tests/daemon/ledger/naive.h"
#include "tests/daemon/ledger/support.h"

#include <set>

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

using test::at;
using test::kMorning;

// The names of all hours of six days, one for each quarter-hour.
std::map<std::string, std::set<std::string>> hours_by_day(const Query& query) {
  Groups groups(query);
  for (std::int64_t second = 0; second < 6 * 86'400; second += 900) {
    ++groups.at(0, groups.time_part(at(kMorning + second)), 0).calls;
  }
  (void)groups.dimensions_part({});
  std::map<std::string, std::set<std::string>> out;
  for (const auto& group : groups.take_report({}).groups) {
    out[*group.key[0]].insert(*group.key[1]);
  }
  return out;
}

TEST(Groups, ADayHasTwentyThreeOrTwentyFiveHoursWhereClocksChange) {
  Query query;
  query.group_by = {GroupBy::day, GroupBy::hour};
  query.utc_offset = test::offset_with_changes;
  const auto hours = hours_by_day(query);
  EXPECT_EQ(hours.at("2026-11-23").size(), 23U);
  EXPECT_EQ(hours.at("2026-11-23").count("2026-11-23T01:00:00+00:00"), 0U);
  EXPECT_EQ(hours.at("2026-11-24").size(), 24U);
  EXPECT_EQ(hours.at("2026-11-25").size(), 25U);
  EXPECT_EQ(hours.at("2026-11-25").count("2026-11-25T13:00:00+01:00"), 1U);
  EXPECT_EQ(hours.at("2026-11-25").count("2026-11-25T13:00:00+00:00"), 1U);
}

TEST(Groups, ADayOfSumsIsNamedOnlyWhereItIsAUtcDay) {
  Query query;
  query.group_by = {GroupBy::day};
  Groups plain(query);
  const auto midnight = at(kMorning - 4 * 3600);
  (void)plain.day_part(midnight);
  EXPECT_FALSE(plain.is_coarse());
  query.utc_offset = test::offset_with_changes;
  Groups changing(query);
  (void)changing.day_part(midnight);
  EXPECT_FALSE(changing.is_coarse());
  (void)changing.day_part(midnight + std::chrono::days(1));  // the offset changes within it
  EXPECT_TRUE(changing.is_coarse());
}

TEST(Groups, NullComesBeforeEveryName) {
  Query query;
  query.group_by = {GroupBy::model};
  Groups groups(query);
  for (const auto* model : {"pro", "flash"}) {
    ++groups.at(groups.dimensions_part({model, "google", "h", "agent", 1}), 0, 0).calls;
  }
  ++groups.at(groups.dimensions_part({}), 0, 0).calls;
  const auto report = groups.take_report({});
  ASSERT_EQ(report.groups.size(), 3U);
  EXPECT_EQ(report.groups[0].key[0], std::nullopt);
  EXPECT_EQ(report.groups[1].key[0], "flash");
  EXPECT_EQ(report.totals.calls, 3U);
}

}  // namespace
}  // namespace agp::ledger
