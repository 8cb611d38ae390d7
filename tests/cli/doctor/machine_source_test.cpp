#include "cli/doctor/machine_source.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::cli::doctor {
namespace {

std::string mounts(const std::string& options) {
  return "21 1 0:20 / /sys rw - sysfs sysfs rw\n22 1 0:21 / /proc rw,nosuid - proc proc rw" +
         options + "\n23 22 0:22 / /proc/sys/fs rw - proc proc rw,hidepid=2\n";
}

TEST(MachineSource, ReadsHidepidOfProcAlone) {
  EXPECT_EQ(hidepid_in(mounts("")), "");
  EXPECT_EQ(hidepid_in(mounts(",hidepid=0")), "");
  EXPECT_EQ(hidepid_in(mounts(",hidepid=off")), "");
  EXPECT_EQ(hidepid_in(mounts(",hidepid=2,gid=27")), "2");
  EXPECT_EQ(hidepid_in(mounts(",gid=27,hidepid=invisible")), "invisible");
}

TEST(MachineSource, ALaterMountCoversTheEarlierOne) {
  EXPECT_EQ(hidepid_in(mounts(",hidepid=2") + "40 22 0:30 / /proc rw - proc proc rw\n"), "");
}

TEST(MachineSource, ReadsThisMachine) {
  const auto machine = read_machine();
  EXPECT_GT(machine.now, 1'700'000'000);
  ASSERT_EQ(machine.file_systems.size(), 2U);
  EXPECT_EQ(machine.file_systems[1].path, "/run");
  EXPECT_EQ(machine.file_systems[1].problem, "");
  EXPECT_EQ(machine.programs.size(), 3U);
}

}  // namespace
}  // namespace agp::cli::doctor
