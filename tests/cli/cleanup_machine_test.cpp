#include "cli/cleanup_machine.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

namespace agp::cli {
namespace {

namespace fs = std::filesystem;

class CleanupMachineTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_.data()), nullptr); }
  void TearDown() override { fs::remove_all(directory_); }

  std::string directory_ = "/tmp/agp-cleanup-XXXXXX";
  SystemMachine machine_;
};

TEST_F(CleanupMachineTest, RemovesADirectoryAndFollowsNoLink) {
  fs::create_directories(directory_ + "/ours/below");
  fs::create_directories(directory_ + "/other");
  std::ofstream(directory_ + "/other/file") << "theirs";
  fs::create_symlink(directory_ + "/other", directory_ + "/ours/link");
  ASSERT_TRUE(machine_.remove(directory_ + "/ours"));
  EXPECT_FALSE(machine_.exists(directory_ + "/ours"));
  EXPECT_TRUE(machine_.exists(directory_ + "/other/file"));
  EXPECT_TRUE(machine_.remove(directory_ + "/ours"));
}

TEST_F(CleanupMachineTest, ADanglingLinkExists) {
  fs::create_symlink(directory_ + "/nowhere", directory_ + "/link");
  EXPECT_TRUE(machine_.exists(directory_ + "/link"));
}

TEST_F(CleanupMachineTest, RunsAProgramWithItsInput) {
  const auto ran = machine_.run("/bin/cat", {}, "text", std::chrono::seconds(30));
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->exit_status, 0);
  EXPECT_EQ(ran->output, "text");
  EXPECT_FALSE(machine_.run(directory_ + "/none", {}, "", std::chrono::seconds(30)));
}

TEST_F(CleanupMachineTest, KnowsWhetherItIsRoot) {
  EXPECT_EQ(machine_.is_root(), ::geteuid() == 0);
}

}  // namespace
}  // namespace agp::cli
