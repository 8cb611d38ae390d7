#include "helper/os/cgroup_tree.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include <gtest/gtest.h>
#include <unistd.h>

namespace agp::os {
namespace {

TEST(CgroupTree, ReadsTheWordThatItIsAbout) {
  EXPECT_TRUE(is_populated("populated 1\nfrozen 0\n"));
  EXPECT_TRUE(is_populated("frozen 0\npopulated 1\n"));
  EXPECT_FALSE(is_populated("populated 0\nfrozen 1\n"));
  EXPECT_FALSE(is_populated("xpopulated 1\n"));
  EXPECT_FALSE(is_populated(""));
}

TEST(CgroupTree, SaysWhatIsMissingWhereThereIsNoCgroup2) {
  CgroupTree none({"/does/not/exist", "/tmp"});
  const auto seen = none.look("user.slice");
  ASSERT_FALSE(seen);
  EXPECT_NE(seen.error().context.find("cgroup2"), std::string::npos);
}

TEST(CgroupTree, SeesACgroupWithAProcessAndNoOther) {
  CgroupTree tree;
  if (!tree.look("no-such-cgroup")) {
    GTEST_SKIP() << "SKIPPED: this machine shows no cgroup2";
  }
  EXPECT_FALSE(tree.look("no-such-cgroup")->has_value());
  for (const std::string mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    const auto empty = std::filesystem::path(mount) / ("agp-test-" + std::to_string(::getpid()));
    std::error_code refused;  // without root
    if (std::filesystem::exists(mount + "/cgroup.procs") &&
        std::filesystem::create_directory(empty, refused)) {
      EXPECT_FALSE(tree.look(empty.filename())->has_value());
      std::filesystem::remove(empty);
    }
  }
}

}  // namespace
}  // namespace agp::os
