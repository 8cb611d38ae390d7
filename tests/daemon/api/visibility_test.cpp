#include "daemon/api/visibility.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using List = std::vector<std::uint32_t>;
using Uids = std::optional<List>;

VisibilityRules rules() {
  VisibilityRules out;
  out.daemon_uid = 900;
  out.ls_uid = 901;
  out.session_uid = [] {
    return std::optional<std::uint32_t>(1000);
  };
  out.has_session = [] {
    return true;
  };
  out.is_member = [](std::uint32_t uid) {
    return uid == 1002;
  };
  return out;
}

TEST(Visibility, RootTheDaemonAndMembersSeeAll) {
  for (const std::uint32_t uid : {0U, 900U, 1002U}) {
    const auto who = rules().of(uid);
    EXPECT_EQ(who.access, Visibility::Access::granted);
    EXPECT_EQ(who.uids, Uids());
    EXPECT_TRUE(who.may_drive);
    EXPECT_TRUE(who.sees_totals);
  }
}

TEST(Visibility, WhoMayScrapeSeesTotalsAndNothingElseOfOthers) {
  auto with_scraper = rules();
  with_scraper.may_scrape = [](std::uint32_t uid) {
    return uid == 1001 || uid == 901;
  };
  const auto who = with_scraper.of(1001);
  EXPECT_TRUE(who.sees_totals);
  EXPECT_EQ(who.uids, Uids(List{1001}));
  EXPECT_FALSE(who.may_drive);
  EXPECT_FALSE(with_scraper.of(1003).sees_totals);
  EXPECT_FALSE(with_scraper.of(1000).sees_totals);
  EXPECT_FALSE(with_scraper.of(901).sees_totals)
      << "the language server is refused whoever names it";
  EXPECT_FALSE(with_scraper.of(std::nullopt).sees_totals);
}

TEST(Visibility, TheSessionUserDrivesAndSeesNoMoreThanTheirOwn) {
  const auto who = rules().of(1000);
  EXPECT_EQ(who.uids, Uids(List{1000}));
  EXPECT_TRUE(who.may_drive);
}

TEST(Visibility, AnyoneElseSeesTheirOwn) {
  const auto who = rules().of(1001);
  EXPECT_EQ(who.access, Visibility::Access::granted);
  EXPECT_EQ(who.uids, Uids(List{1001}));
  EXPECT_FALSE(who.may_drive);
}

TEST(Visibility, WhatBelongsToAUserIsForThemAndForWhoSeesAll) {
  EXPECT_TRUE(rules().of(0).sees(1001));
  EXPECT_TRUE(rules().of(1001).sees(1001));
  EXPECT_FALSE(rules().of(1001).sees(1000));
  EXPECT_FALSE(rules().of(std::nullopt).sees(0));
}

TEST(Visibility, TheLanguageServerIsRefused) {
  EXPECT_EQ(rules().of(901).access, Visibility::Access::refused);
}

TEST(Visibility, WhoIsNotKnownSeesNothing) {
  const auto who = rules().of(std::nullopt);
  EXPECT_EQ(who.access, Visibility::Access::unidentified);
  EXPECT_EQ(who.uids, Uids(List{}));
}

// What the language server did for the one before stays with them: records have owners.
TEST(Visibility, ASessionThatPassesOnShowsNothingOfTheOneBefore) {
  auto rule = rules();
  std::optional<std::uint32_t> session = 1000;
  rule.session_uid = [&] {
    return session;
  };
  const auto first = rule.of(1000).uids;
  session = 1001;
  EXPECT_EQ(rule.of(1001).uids, Uids(List{1001}));
  EXPECT_TRUE(rule.of(1001).may_drive);
  EXPECT_EQ(rule.of(1000).uids, first);
  EXPECT_FALSE(rule.of(1000).may_drive);
}

TEST(Visibility, TheUidOfThoseWhoCannotBeToldApartIsNobodys) {
  auto with_nobody = rules();
  with_nobody.is_member = [](std::uint32_t) {
    return true;
  };
  const auto who = with_nobody.of(65534);
  EXPECT_EQ(who.access, Visibility::Access::unidentified);
  EXPECT_EQ(who.uids, Uids(List{}));
  EXPECT_FALSE(who.may_drive);
}

TEST(Visibility, WithoutASessionNobodyElseDrives) {
  auto without = rules();
  without.session_uid = [] {
    return std::optional<std::uint32_t>();
  };
  without.has_session = [] {
    return false;
  };
  EXPECT_EQ(without.of(1000).uids, Uids(List{1000}));
  EXPECT_FALSE(without.of(1000).may_drive);
  EXPECT_FALSE(without.of(1000).is_session_there);
  EXPECT_TRUE(rules().of(1001).is_session_there);
}

TEST(Visibility, MembershipIsReadFromTheAccountDatabase) {
  EXPECT_TRUE(is_group_member(0, "root"));
  EXPECT_FALSE(is_group_member(0, "no-such-group-here"));
  EXPECT_FALSE(is_group_member(4'000'000, "root"));
}

}  // namespace
}  // namespace agp::api
