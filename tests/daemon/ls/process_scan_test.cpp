#include "daemon/ls/process_scan.h"

#include "daemon/control/errors.h"
#include "tests/daemon/ls/temp_dir.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace agp::ls {
namespace {

class ProcessScanTest : public ::testing::Test {
 protected:
  void add(int pid, unsigned uid, const std::string& cmdline, int parent = 0) {
    const auto process = dir.path() / std::to_string(pid);
    std::filesystem::create_directories(process);
    std::ofstream(process / "cmdline") << cmdline;
    std::string stat = std::to_string(pid) + " (a) b (c) S " + std::to_string(parent);
    for (int field = 5; field < 22; ++field) {
      stat += " 0";
    }
    std::ofstream(process / "stat") << stat << " " << pid * 10 << " 0 0\n";
    std::ofstream(process / "status") << "Name:\tx\nUid:\t" << uid << "\t1\t1\t1\n";
  }

  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((dir.path() / path).parent_path());
    std::ofstream(dir.path() / path) << text;
    std::filesystem::permissions(dir.path() / path, std::filesystem::perms(0600));
  }

  static std::string line(const std::vector<std::string>& words) {
    std::string line;
    for (const auto& word : words) {
      line += word + '\0';
    }
    return line;
  }

  static std::string ide(const std::vector<std::string>& more = {}) {
    return line({"/opt/antigravity/bin/language_server_linux_x64", "--extension_server_port",
                 "4000", "--csrf_token=t"}) +
           line(more);
  }

  /// A kernel's table with one listener of this user.
  static std::string listener(int port, unsigned uid) {
    std::ostringstream row;
    row << "  sl  local_address ...\n   0: 0100007F:" << std::hex << std::uppercase << std::setw(4)
        << std::setfill('0') << port << std::dec
        << " 00000000:0000 0A 00000000:00000000 00:00000000 00000000 " << uid << " 0 1\n";
    return row.str();
  }

  ProcessScan scan(const std::string& user = "auto") {
    return ProcessScan({user, "no-such-account", dir.path(), [] {
                          return std::chrono::system_clock::time_point(std::chrono::hours(1));
                        }});
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
  ProcessScan scan({"auto", "root", dir.path(), boot_time});
  EXPECT_FALSE(scan.find({})->session);
}

TEST_F(ProcessScanTest, SaysThatAUserDoesNotExistOrThatItCannotLook) {
  EXPECT_EQ(scan("no-such-user").find({}).error().code, control::Errc::user_unknown);
  ProcessScan nowhere({"auto", "root", "/nonexistent", boot_time});
  EXPECT_EQ(nowhere.find({}).error().code, control::Errc::scan_failed);
}

TEST_F(ProcessScanTest, TakesTheChildOfAWrapperAndNamesTheWrapper) {
  add(20, 54321, line({"/bin/sh"}) + ide());
  add(21, 54321, line({"/usr/bin/graftcp"}) + ide(), 20);
  add(22, 54321, ide(), 21);
  std::filesystem::create_symlink("/opt/antigravity/bin/language_server_linux_x64.real",
                                  dir.path() / "22" / "exe");
  const auto found = scan().find({});
  ASSERT_TRUE(found->session);
  EXPECT_EQ(found->session->pid, 22);
  ASSERT_EQ(found->all.sessions.size(), 1U);
  EXPECT_EQ(found->all.sessions[0].wrappers, (std::vector<pid_t>{20, 21}));
}

TEST_F(ProcessScanTest, SaysThatAWrapperHasNoLanguageServerBehindIt) {
  add(20, 54321, line({"/bin/sh"}) + ide());
  const auto found = scan().find({});
  EXPECT_FALSE(found->session);
  EXPECT_NE(found->outcome.hint.find("pid 20 is a wrapper"), std::string::npos);
}

TEST_F(ProcessScanTest, ListsWindowsOfOneUserAndTheTimesTheyBegan) {
  add(31, 54321, ide({"--workspace_id=file_b"}));
  add(30, 54321, ide({"--workspace_id=file_a"}));
  add(29, 54321, ide());  // older, but without a workspace
  add(40, 54321, line({"/home/ada/.local/bin/agy", "hello"}));
  const auto found = scan().find({});
  ASSERT_EQ(found->all.sessions.size(), 4U);
  EXPECT_EQ(found->session->pid, 30);
  ASSERT_NE(found->all.in_use(), nullptr);
  EXPECT_EQ(found->all.in_use()->workspace_id, "file_a");
  EXPECT_EQ(found->all.in_use()->id, "30-300");
  const auto ticks = ::sysconf(_SC_CLK_TCK);
  EXPECT_EQ(found->all.in_use()->since.time_since_epoch(),
            std::chrono::hours(1) + std::chrono::seconds(300 / ticks));
  EXPECT_EQ(found->all.sessions[0].kind, Kind::core);
  EXPECT_EQ(found->all.sessions[3].kind, Kind::agy);
}

TEST_F(ProcessScanTest, SeesTheSameTimesAtEveryLook) {
  add(20, 54321, ide());
  std::chrono::seconds booted(0);
  ProcessScan scan({"auto", "no-such-account", dir.path(), [&booted] {
                      return std::chrono::system_clock::time_point(booted += std::chrono::hours(1));
                    }});
  const auto first = scan.find({});
  EXPECT_EQ(scan.find({})->all, first->all);
}

TEST_F(ProcessScanTest, GoesOnWithTheNextWindowWhenTheOneInUseEnds) {
  add(20, 54321, ide());
  add(21, 54321, ide());
  auto scanner = scan();
  const auto first = scanner.find({});
  ASSERT_EQ(first->session->pid, 20);
  std::filesystem::remove_all(dir.path() / "20");
  const auto second = scanner.find(first->session->fingerprint());
  ASSERT_TRUE(second->session);
  EXPECT_EQ(second->session->pid, 21);
  std::filesystem::remove_all(dir.path() / "21");
  EXPECT_FALSE(scanner.find(second->session->fingerprint())->session);
}

TEST_F(ProcessScanTest, SeesAProgramThatBecomesALanguageServerLater) {
  add(20, 54321, line({"/bin/sh"}));
  auto scanner = scan();
  EXPECT_FALSE(scanner.find({})->session);
  add(20, 54321, ide());
  EXPECT_TRUE(scanner.find({})->session);
}

TEST_F(ProcessScanTest, SoonReadsNoMoreOfUnrelatedProcesses) {
  for (int pid = 100; pid < 200; ++pid) {
    add(pid, 54321, line({"/bin/cat"}));
  }
  auto scanner = scan();
  for (unsigned look = 0; look < ProcessMemory::kLooksToSettle; ++look) {
    (void)scanner.find({});
    EXPECT_EQ(scanner.read_in_last_look(), 100U);
  }
  (void)scanner.find({});
  EXPECT_LE(scanner.read_in_last_look(), 100U / ProcessMemory::kLooksBetween + 1);
}

TEST_F(ProcessScanTest, RefusesWindsurfAndMulticallChildren) {
  add(20, 54321,
      line({"/opt/windsurf/language_server_linux_x64", "--csrf_token=t",
            "--extension_server_port=1", "--app_data_dir", "windsurf"}));
  add(21, 54321, line({"/opt/Antigravity/resources/bin/language_server", "multicall", "schedule"}));
  EXPECT_TRUE(scan().find({})->all.sessions.empty());
}

TEST_F(ProcessScanTest, ShowsNothingOfOtherUsersWhenOneIsNamed) {
  add(20, 0, ide());
  add(30, 54322, ide());
  const auto found = scan("root").find({});
  ASSERT_EQ(found->all.sessions.size(), 1U);
  EXPECT_EQ(found->all.sessions[0].uid, 0U);
}

TEST_F(ProcessScanTest, CompletesAPersistentOneByItsFile) {
  const auto uid = ::getuid();
  add(20, uid,
      line({"/opt/antigravity/bin/language_server_linux_x64", "--persistent_mode",
            "--extension_server_port=4000", "--app_data_dir=antigravity",
            "--gemini_dir=" + (dir.path() / "gemini").string()}));
  const std::string file = "gemini/antigravity/daemon/ls_e3b0c44298fc1c14.json";
  write("net/tcp", listener(4000, uid));
  EXPECT_FALSE(scan().find({})->session) << "nothing says the token";
  write(file, R"({"pid":20,"httpsPort":1,"csrfToken":"t","lsVersion":"1.20.6"})");
  const auto found = scan().find({});
  ASSERT_TRUE(found->session);
  EXPECT_EQ(found->session->csrf_token.expose(), "t");
  EXPECT_EQ(found->all.sessions[0].version, "1.20.6");
  EXPECT_EQ(found->all.sessions[0].era, Era::e2);
}

TEST_F(ProcessScanTest, BelievesNoFileThatOthersMayWriteOrThatIsALink) {
  const auto uid = ::getuid();
  add(20, uid,
      line({"/opt/antigravity/bin/language_server_linux_x64", "--persistent_mode",
            "--extension_server_port=4000", "--app_data_dir=antigravity",
            "--gemini_dir=" + (dir.path() / "gemini").string()}));
  const std::string file = "gemini/antigravity/daemon/ls_e3b0c44298fc1c14.json";
  write("net/tcp", listener(4000, uid));
  write(file, R"({"pid":20,"csrfToken":"t"})");
  std::filesystem::permissions(dir.path() / file, std::filesystem::perms(0622));
  EXPECT_FALSE(scan().find({})->session);
  std::filesystem::remove(dir.path() / file);
  write("elsewhere", R"({"pid":20,"csrfToken":"t"})");
  std::filesystem::create_symlink(dir.path() / "elsewhere", dir.path() / file);
  EXPECT_FALSE(scan().find({})->session);
}

TEST_F(ProcessScanTest, SeesThatAPersistentOneOutlivedItsIde) {
  add(20, 54321, ide({"--persistent_mode"}));
  write("net/tcp", listener(4000, 54321));
  EXPECT_TRUE(scan().find({})->session);
  write("net/tcp", listener(4000, 54322));  // the port was taken by somebody else
  const auto found = scan().find({});
  EXPECT_FALSE(found->session);
  EXPECT_NE(found->outcome.hint.find("outlived the IDE"), std::string::npos);
  add(21, 54321, ide({"--extension_server_port=4001"}));
  write("net/tcp", listener(4000, 54322) + listener(4001, 54321));
  EXPECT_EQ(scan().find({})->session->pid, 21);
}

TEST_F(ProcessScanTest, RefusesOneWhoseEditorIsInAnotherNetwork) {
  add(20, 54321, ide());
  add(21, 54321, ide({"--extension_server_port=4001"}));
  write("net/tcp", listener(4001, 54321));
  auto scanner = scan();
  const auto found = scanner.find({});
  ASSERT_TRUE(found->session);
  EXPECT_EQ(found->session->pid, 21);
  EXPECT_NE(found->all.sessions[0].reason.find("container"), std::string::npos);
  write("net/tcp", listener(4000, 54321));
  EXPECT_EQ(scanner.find({})->session->pid, 20) << "one that was not there is asked about again";
}

TEST_F(ProcessScanTest, BelievesInAnExtensionServerThatItSawOnce) {
  add(20, 54321, ide());
  write("net/tcp", listener(4000, 54321));
  auto scanner = scan();
  EXPECT_TRUE(scanner.find({})->session);
  write("net/tcp", listener(4001, 54321));
  EXPECT_TRUE(scanner.find({})->session);
}

TEST_F(ProcessScanTest, SaysWhatHidesTheProcessesOfOthers) {
  write("self/status",
        "Uid:\t990\t990\t990\t990\nGid:\t990\t990\t990\t990\nGroups:\t990\n"
        "CapEff:\t0000000000000000\n");
  for (const char* hidepid : {"1", "2", "invisible", "ptraceable"}) {
    write("self/mountinfo",
          std::string("22 28 0:21 / /proc rw - proc proc rw,hidepid=") + hidepid + "\n");
    const auto found = scan().find({});
    ASSERT_TRUE(found->outcome.obstacle) << hidepid;
    EXPECT_NE(found->outcome.obstacle->message.find("hidepid="), std::string::npos);
  }
  add(20, 54321, ide());
  EXPECT_FALSE(scan().find({})->outcome.obstacle) << "it was seen all the same";
}

TEST_F(ProcessScanTest, NeverTellsATokenToThoseWhoShow) {
  add(20, 54321, ide({"--csrf_token=marked-1", "--extension_server_csrf_token=marked-2"}));
  add(30, 54322, ide({"--csrf_token=marked-3"}));
  const auto found = scan().find({});
  for (const auto& info : found->all.sessions) {
    for (const auto& text :
         {info.id, info.user, info.workspace_id, info.app_data_dir, info.version, info.reason}) {
      EXPECT_EQ(text.find("marked"), std::string::npos) << text;
    }
  }
  EXPECT_EQ(found->outcome.hint.find("marked"), std::string::npos);
}

}  // namespace
}  // namespace agp::ls
