#include "helper/os/runtime_directory.h"

#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::os {
namespace {

class StartSecretsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(parent.data()), nullptr); }
  void TearDown() override {
    EXPECT_TRUE(directory().remove());
    ::unlink((parent + "/other").c_str());
    EXPECT_EQ(::rmdir(parent.c_str()), 0) << "something is left behind";
  }
  RuntimeDirectory directory() { return RuntimeDirectory(parent + "/run", {}); }
  static std::string content_of(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::string parent = "/tmp/agp-runtime-XXXXXX";
};

TEST_F(StartSecretsTest, AreForTheirOwnerAloneAndGoneAfterwards) {
  auto run = directory();
  const auto path = run.put("AGP_CSRF_TOKEN=one\n");
  ASSERT_TRUE(path) << path.error().text();
  struct stat seen {};
  ASSERT_EQ(::stat(path->c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 07777U, 0600U);
  EXPECT_EQ(content_of(*path), "AGP_CSRF_TOKEN=one\n");
  EXPECT_TRUE(run.remove_secrets());
  EXPECT_NE(::stat(path->c_str(), &seen), 0);
  EXPECT_TRUE(run.remove_secrets()) << "nothing to remove is no failure";
}

TEST_F(StartSecretsTest, ReplaceWhatAKilledStartLeft) {
  auto run = directory();
  ASSERT_TRUE(run.put("a long line of an earlier start\n"));
  const auto path = run.put("new\n");
  ASSERT_TRUE(path);
  EXPECT_EQ(content_of(*path), "new\n");
}

// threat-model 41
TEST_F(StartSecretsTest, FollowNoLink) {
  auto run = directory();
  const auto path = run.put("x");
  ASSERT_TRUE(path);
  std::ofstream(parent + "/other") << "mine";
  ASSERT_EQ(::unlink(path->c_str()), 0);
  ASSERT_EQ(::symlink((parent + "/other").c_str(), path->c_str()), 0);
  ASSERT_TRUE(run.put("secret"));
  EXPECT_EQ(content_of(parent + "/other"), "mine");
  EXPECT_EQ(content_of(*path), "secret");
}

}  // namespace
}  // namespace agp::os
