#include "helper/core/captured_scopes.h"

#include "helper/core/errc.h"
#include "helper/core/redirect.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::core {
namespace {

const std::string kId = "00112233445566778899aabbccddeeff";
const std::string kOwn =
    "user.slice/user-1000.slice/user@1000.service/app.slice/antigravity-run-" + kId + ".scope";

TEST(CapturedScopes, ArePlacedBelowTheSliceOfTheirUserAlone) {
  for (const uid_t user : {0U, 1000U, 4294967294U}) {
    const auto slice = "user.slice/user-" + std::to_string(user) + ".slice/";
    for (const auto& place : scope_places(user, kId)) {
      EXPECT_TRUE(place.starts_with(slice)) << place;
      EXPECT_TRUE(place.ends_with("/" + scope_unit(kId))) << place;
      EXPECT_TRUE(is_cgroup_path(place)) << place;
    }
  }
}

TEST(CapturedScopes, AreReadBackAsWritten) {
  const std::vector<GrantedScope> scopes{{1000, kOwn, 18446744073709551615U},
                                         {0, "user.slice/user-0.slice/" + scope_unit(kId), 1}};
  EXPECT_EQ(parse_scopes(format_scopes(scopes)), scopes);
  EXPECT_TRUE(parse_scopes("").empty());
}

TEST(CapturedScopes, WhatIsNotUnderstoodWasNotGranted) {
  const std::string good = "1000 7 " + kOwn + "\n";
  for (const std::string& bad :
       {"1001 7 " + kOwn,  // in the slice of another user
        "1000 x " + kOwn,
        "1000 -7 " + kOwn,
        "-1 7 " + kOwn,
        "4294967296 7 " + kOwn,
        " 1000 7 " + kOwn,
        "1000  7 " + kOwn,
        "1000 7 /" + kOwn,
        "1000 7 " + kOwn + "/x",
        "1000 7 " + kOwn + " ",
        "1000 7 ../" + kOwn,
        std::string("1000 7 "),
        std::string("1000 7 system.slice/ssh.service"),
        std::string("1000 7 user.slice"),
        "1000 7 user.slice/user-1000.slice/\" -j ACCEPT/" + scope_unit(kId),
        std::string("1000 7 user.slice/user-1000.slice/antigravity-run-zz.scope"),
        std::string("1000 7 user.slice/user-1000.slice/antigravity-run-") + std::string(32, 'A') +
            ".scope",
        std::string("1000"),
        std::string(9, '\0'),
        std::string(100000, ' ')}) {
    SCOPED_TRACE(bad.substr(0, 120));
    const auto read = parse_scopes(bad + "\n" + good);
    ASSERT_EQ(read.size(), 1U);
    EXPECT_EQ(read[0], (GrantedScope{1000, kOwn, 7}));
  }
}

TEST(CapturedScopes, ReadingHasALimit) {
  std::string text;
  for (std::size_t i = 0; i < 2 * kMaxScopes; ++i) {
    text += "1000 7 " + kOwn + "\n";
  }
  EXPECT_EQ(parse_scopes(text).size(), kMaxScopes);
}

TEST(CapturedScopes, OneUserLeavesRoomForOthers) {
  std::vector<GrantedScope> scopes(kMaxScopesPerUser, GrantedScope{1000, kOwn, 7});
  const auto full = check_scope_room(scopes, 1000);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::limits);
  EXPECT_TRUE(check_scope_room(scopes, 1001));
  for (uid_t user = 2000; scopes.size() < kMaxScopes; ++user) {
    scopes.push_back({user, kOwn, 7});
  }
  EXPECT_FALSE(check_scope_room(scopes, 1001));
}

TEST(ScopeBudget, SlowsDownOneUserAndNoOther) {
  ScopeBudget budget;
  int allowed = 0;
  for (int i = 0; i < 10'000; ++i) {
    allowed += budget.allows(1000, 5) ? 1 : 0;
  }
  EXPECT_EQ(allowed, ScopeBudget::kBurst);
  EXPECT_TRUE(budget.allows(1001, 5));
  EXPECT_FALSE(budget.allows(1000, 6));
  EXPECT_TRUE(budget.allows(1000, 5 + ScopeBudget::kSecondsPerCall));
  EXPECT_FALSE(budget.allows(1000, 5 + ScopeBudget::kSecondsPerCall));
}

}  // namespace
}  // namespace agp::core
