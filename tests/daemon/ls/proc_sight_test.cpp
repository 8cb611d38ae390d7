#include "daemon/ls/proc_sight.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

std::string mounts(const std::string& options) {
  return "21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
         "22 21 0:21 / /proc rw,nosuid shared:5 - proc proc rw" +
         options + "\n23 22 0:22 / /proc/sys/fs/binfmt_misc rw - binfmt_misc none rw,hidepid=2\n";
}

const std::string kStatus =
    "Name:\td\nUid:\t990\t990\t990\t990\nGid:\t991\t991\t991\t991\nGroups:\t27 100 \n"
    "CapEff:\t0000000000000000\n";

TEST(ProcMount, ReadsWordsAndNumbers) {
  EXPECT_EQ(proc_mount(mounts("")).hidepid, Hidepid::off);
  EXPECT_EQ(proc_mount(mounts(",hidepid=0")).hidepid, Hidepid::off);
  EXPECT_EQ(proc_mount(mounts(",hidepid=1")).hidepid, Hidepid::noaccess);
  EXPECT_EQ(proc_mount(mounts(",hidepid=noaccess")).hidepid, Hidepid::noaccess);
  EXPECT_EQ(proc_mount(mounts(",gid=27,hidepid=2")).hidepid, Hidepid::invisible);
  EXPECT_EQ(proc_mount(mounts(",gid=27,hidepid=invisible")).gid, 27U);
  EXPECT_EQ(proc_mount(mounts(",hidepid=4")).hidepid, Hidepid::ptraceable);
  EXPECT_EQ(proc_mount(mounts(",hidepid=ptraceable")).hidepid, Hidepid::ptraceable);
  EXPECT_EQ(proc_mount("").hidepid, Hidepid::off);
}

TEST(ProcMount, TakesTheOneMountedLast) {
  const std::string over = "99 22 0:99 / /proc rw - proc proc rw\n";
  EXPECT_EQ(proc_mount(mounts(",hidepid=2") + over).hidepid, Hidepid::off);
}

TEST(Looker, ReadsUserGroupsAndTheRightToTrace) {
  const Looker who = looker(kStatus);
  EXPECT_EQ(who.uid, 990U);
  EXPECT_EQ(who.groups, (std::vector<gid_t>{991, 27, 100}));
  EXPECT_FALSE(who.may_trace_all);
  EXPECT_TRUE(looker("CapEff:\t0000000000080000\n").may_trace_all);
  EXPECT_FALSE(looker("").may_trace_all);
}

TEST(SeesOthers, DependsOnMountGroupAndCapability) {
  const Looker who = looker(kStatus);
  EXPECT_TRUE(sees_others({Hidepid::off, 0}, who));
  EXPECT_FALSE(sees_others({Hidepid::noaccess, 0}, who));
  EXPECT_FALSE(sees_others({Hidepid::invisible, 28}, who));
  EXPECT_TRUE(sees_others({Hidepid::invisible, 27}, who));
  EXPECT_FALSE(sees_others({Hidepid::ptraceable, 27}, who));
  EXPECT_TRUE(sees_others({Hidepid::ptraceable, 0}, {0, {0}, true}));
}

TEST(Obstacle, NamesTheGroupToAddOrTheMountToChange) {
  const Looker who = looker(kStatus);
  const auto by_group = obstacle({Hidepid::invisible, 28}, who, {}, false);
  ASSERT_TRUE(by_group);
  EXPECT_NE(by_group->message.find("hidepid=invisible"), std::string::npos);
  EXPECT_NE(by_group->remedy.find("SupplementaryGroups=28"), std::string::npos);
  const auto by_mount = obstacle({Hidepid::noaccess, 0}, who, 1000, false);
  ASSERT_TRUE(by_mount);
  EXPECT_NE(by_mount->remedy.find("gid=GROUP"), std::string::npos);
  const auto no_group = obstacle({Hidepid::ptraceable, 27}, who, 1000, false);
  ASSERT_TRUE(no_group);
  EXPECT_NE(no_group->remedy.find("no group is exempt"), std::string::npos);
}

TEST(Obstacle, IsNoneWhenAllIsSeenOrOnlyOnesOwnIsWanted) {
  const Looker who = looker(kStatus);
  EXPECT_FALSE(obstacle({Hidepid::off, 0}, who, {}, false));
  EXPECT_FALSE(obstacle({Hidepid::invisible, 27}, who, {}, false));
  EXPECT_FALSE(obstacle({Hidepid::invisible, 0}, who, 990, true));
}

TEST(Obstacle, SuspectsASecurityModuleWhenReadingIsDeniedWithoutHidepid) {
  const auto denied = obstacle({Hidepid::off, 0}, looker(kStatus), {}, true);
  ASSERT_TRUE(denied);
  EXPECT_NE(denied->remedy.find("SELinux"), std::string::npos);
}

}  // namespace
}  // namespace agp::ls
