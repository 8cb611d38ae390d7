#include "daemon/ls/process_scan.h"

#include "daemon/control/errors.h"
#include "tests/daemon/ls/temp_dir.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace agp::ls {
namespace {

class ProcessScanTest : public ::testing::Test {
 protected:
  void add(int pid, unsigned uid, const std::string& cmdline) {
    const auto process = dir.path() / std::to_string(pid);
    std::filesystem::create_directories(process);
    std::ofstream(process / "cmdline") << cmdline;
    std::string stat = std::to_string(pid) + " (a) b (c) S";
    for (int field = 4; field < 22; ++field) {
      stat += " 0";
    }
    std::ofstream(process / "stat") << stat << " " << pid * 10 << " 0 0\n";
    std::ofstream(process / "status") << "Name:\tx\nUid:\t" << uid << "\t1\t1\t1\n";
  }

  static std::string ide() {
    std::string line;
    for (const char* word : {"/opt/antigravity/bin/language_server_linux_x64",
                             "--extension_server_port", "4000", "--csrf_token=t"}) {
      line += std::string(word) + '\0';
    }
    return line;
  }

  ProcessScan scan(const std::string& user = "auto") {
    return ProcessScan({user, "no-such-account", dir.path()});
  }

  TempDir dir;
};

TEST_F(ProcessScanTest, FindsTheIdeAmongOtherProcesses) {
  add(1, 0, std::string("/sbin/init\0", 11));
  add(20, 54321, ide());
  add(21, 54321, "");
  std::filesystem::create_directories(dir.path() / "22");  // gone while we look
  std::filesystem::create_directories(dir.path() / "net");
  const auto found = scan().find({});
  ASSERT_TRUE(found);
  ASSERT_TRUE(found->session);
  EXPECT_EQ(found->session->pid, 20);
  EXPECT_EQ(found->session->uid, 54321U);
  EXPECT_EQ(found->session->start_time, 200U);
  EXPECT_EQ(found->outcome.session->user, "uid 54321");
  EXPECT_EQ(found->outcome.session->fingerprint, found->session->fingerprint());
}

TEST_F(ProcessScanTest, FindsNothingOnAMachineWithoutTheIde) {
  const auto found = scan().find({});
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->session);
  EXPECT_FALSE(found->outcome.session);
}

TEST_F(ProcessScanTest, NamesTheUsersWhenThereAreSeveral) {
  add(20, 54321, ide());
  add(30, 54322, ide());
  const auto found = scan().find({});
  EXPECT_FALSE(found->session);
  EXPECT_EQ(found->outcome.candidates, (std::vector<std::string>{"uid 54321", "uid 54322"}));
}

TEST_F(ProcessScanTest, LooksOnlyAtTheNamedUser) {
  add(20, 0, ide());
  add(30, 54322, ide());
  EXPECT_EQ(scan("root").find({})->session->pid, 20);
}

TEST_F(ProcessScanTest, NeverTakesTheAccountOfOurOwnLanguageServers) {
  add(20, 0, ide());
  ProcessScan scan({"auto", "root", dir.path()});
  EXPECT_FALSE(scan.find({})->session);
}

TEST_F(ProcessScanTest, SaysThatAUserDoesNotExistOrThatItCannotLook) {
  EXPECT_EQ(scan("no-such-user").find({}).error().code, control::Errc::user_unknown);
  ProcessScan nowhere({"auto", "root", "/nonexistent"});
  EXPECT_EQ(nowhere.find({}).error().code, control::Errc::scan_failed);
}

}  // namespace
}  // namespace agp::ls
