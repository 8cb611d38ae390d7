#include "daemon/ls/session.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

std::string joined(std::initializer_list<std::string> arguments) {
  std::string out;
  for (const auto& argument : arguments) {
    out += argument + '\0';
  }
  return out;
}

const std::string kBinary =
    "/usr/share/antigravity/resources/app/extensions/antigravity/bin/language_server_linux_x64";

ProcessFacts ide(pid_t pid = 100, uid_t uid = 1000, std::string token = "token") {
  ProcessFacts facts;
  facts.pid = pid;
  facts.uid = uid;
  facts.start_time = static_cast<std::uint64_t>(pid) * 10;
  facts.cmdline =
      joined({kBinary, "--enable_lsp", "--extension_server_port", "35987", "--csrf_token=" + token,
              "--random_port", "--workspace_id", "file_srv_u_proj", "--cloud_code_endpoint",
              "https://daily-cloudcode-pa.googleapis.com", "--app_data_dir", "antigravity",
              "--parent_pipe_path", "/tmp/server_0123"});
  return facts;
}

TEST(Recognise, ReadsTheIdesCommandLine) {
  const auto session = recognise(ide());
  ASSERT_TRUE(session);
  EXPECT_EQ(session->binary_path, kBinary);
  EXPECT_EQ(session->extension_server_port, 35987);
  EXPECT_EQ(session->csrf_token.expose(), "token");
  EXPECT_TRUE(session->extension_csrf_token.empty());
  EXPECT_EQ(session->workspace_id, "file_srv_u_proj");
  EXPECT_EQ(session->app_data_dir, "antigravity");
  EXPECT_EQ(session->cloud_code_endpoint, "https://daily-cloudcode-pa.googleapis.com");
  EXPECT_TRUE(session->is_usable());
}

TEST(Recognise, KnowsTheBinaryByItsLinkAlsoWhenWrappedOrReplaced) {
  auto facts = ide();
  facts.exe = "/opt/Antigravity/bin/language_server_linux_x64.real";
  EXPECT_EQ(recognise(facts)->binary_path, facts.exe);
  facts.exe = kBinary + " (deleted)";
  EXPECT_EQ(recognise(facts)->binary_path, kBinary);
}

TEST(Recognise, TellsWindsurfApart) {
  ProcessFacts facts;
  facts.cmdline = joined({"/opt/windsurf/bin/language_server_linux_x64", "--csrf_token", "t"});
  EXPECT_FALSE(recognise(facts));
  facts.cmdline = joined({"/opt/x/language_server_linux_x64", "--app_data_dir=antigravity-ide"});
  EXPECT_TRUE(recognise(facts));
  facts.cmdline = joined({"/opt/AntiGravity/language_server_linux_arm"});
  EXPECT_TRUE(recognise(facts));
}

TEST(Recognise, SkipsHelpersOtherProgramsAndKernelThreads) {
  ProcessFacts facts;
  facts.cmdline = joined({"/opt/antigravity/bin/language_server", "multicall", "schedule"});
  EXPECT_FALSE(recognise(facts));
  facts.cmdline = joined({"/usr/bin/grep", "language_server", "--app_data_dir=antigravity"});
  EXPECT_FALSE(recognise(facts));
  facts.cmdline.clear();
  EXPECT_FALSE(recognise(facts));
}

TEST(Recognise, RefusesPortsThatAreNone) {
  for (const char* port : {"0", "70000", "12x", "-1", ""}) {
    ProcessFacts facts;
    facts.cmdline =
        joined({kBinary, std::string("--extension_server_port=") + port, "--csrf_token=t"});
    EXPECT_FALSE(recognise(facts)->is_usable()) << port;
  }
}

TEST(Recognise, SurvivesACommandLineCutAnywhere) {
  const auto whole = ide().cmdline;
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    auto facts = ide();
    facts.cmdline.resize(cut);
    const auto session = recognise(facts);
    if (session && session->is_usable()) {
      EXPECT_EQ(session->extension_server_port, 35987);
    }
  }
}

TEST(Fingerprint, ChangesWithPortTokenAndProcess) {
  const auto base = recognise(ide())->fingerprint();
  EXPECT_EQ(recognise(ide())->fingerprint(), base);
  EXPECT_NE(recognise(ide(101))->fingerprint(), base);
  EXPECT_NE(recognise(ide(100, 1000, "other"))->fingerprint(), base);
}

/// A command line of the sources, and what is to be seen in it.
struct Known {
  const char* what;
  std::string path;
  std::vector<std::string> flags;
  Kind kind;
  Era era;
  bool is_usable;
  std::string version;
};

const std::string kExtension = "/resources/app/extensions/antigravity/bin/";
const std::vector<std::string> kE1 = {"--enable_lsp",
                                      "--extension_server_port",
                                      "35987",
                                      "--csrf_token",
                                      "token",
                                      "--random_port",
                                      "--workspace_id",
                                      "file_srv_u_proj",
                                      "--cloud_code_endpoint",
                                      "https://daily-cloudcode-pa.googleapis.com",
                                      "--app_data_dir",
                                      "antigravity",
                                      "--parent_pipe_path",
                                      "/tmp/server_0123"};

std::vector<std::string> with(std::vector<std::string> flags, std::vector<std::string> more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

std::vector<Known> known() {
  const auto e2 = with(kE1, {"--extension_server_csrf_token", "second"});
  const auto e3 = with(e2, {"--subclient_type", "ide", "--app_data_dir", "antigravity-ide"});
  const std::vector<std::string> core = {
      "--extension_server_port",       "1", "--csrf_token",   "t",
      "--extension_server_csrf_token", "u", "--app_data_dir", "antigravity"};
  const std::vector<std::string> hub = {"--standalone",
                                        "--override_ide_name",
                                        "antigravity",
                                        "--subclient_type",
                                        "hub",
                                        "--override_ide_version",
                                        "2.3.4",
                                        "--https_server_port",
                                        "0",
                                        "--csrf_token",
                                        "t",
                                        "--app_data_dir",
                                        "antigravity",
                                        "--enable_sidecars"};
  const std::string home = "/home/ada/";
  return {
      {"E1 package", "/usr/share/antigravity" + kExtension + "language_server_linux_x64", kE1,
       Kind::ide, Era::e1, true, ""},
      {"E1 under /opt", "/opt/Antigravity" + kExtension + "language_server_linux_x64", kE1,
       Kind::ide, Era::e1, true, ""},
      {"E1 under /opt, small", "/opt/antigravity" + kExtension + "language_server_linux_arm", kE1,
       Kind::ide, Era::e1, true, ""},
      {"E1 of a home", home + ".local/share/Antigravity" + kExtension + "language_server_linux_x64",
       kE1, Kind::ide, Era::e1, true, ""},
      {"E2", "/usr/share/antigravity" + kExtension + "language_server_linux_x64", e2, Kind::ide,
       Era::e2, true, ""},
      {"E2 core", "/usr/share/antigravity" + kExtension + "language_server_linux_x64", core,
       Kind::core, Era::e2, true, ""},
      {"E3", "/usr/share/antigravity" + kExtension + "language_server_linux_x64", e3, Kind::ide,
       Era::e3, true, ""},
      {"E3 without a folder", "/usr/share/antigravity" + kExtension + "language_server_linux_x64",
       with(e3, {"--workspace_id", "file_"}), Kind::ide, Era::e3, true, ""},
      {"E3 remote",
       home + ".antigravity-ide-server/bin/2.1.1-abc/extensions/antigravity/bin/"
              "language_server_linux_arm",
       e3, Kind::ide, Era::e3, true, "2.1.1"},
      {"E2 remote",
       home + ".antigravity-server/bin/1.20.6-0f/extensions/antigravity/bin/"
              "language_server_linux_x64",
       e2, Kind::ide, Era::e2, true, "1.20.6"},
      {"hub", "/opt/Antigravity/resources/bin/language_server", hub, Kind::hub, Era::e3, false,
       "2.3.4"},
      {"hub elsewhere", home + "apps/x/resources/bin/language_server", hub, Kind::hub, Era::e3,
       false, "2.3.4"},
      {"agy", home + ".local/bin/agy", {"explain", "this"}, Kind::agy, Era::e3, false, ""},
  };
}

TEST(Recognise, KnowsAllErasAndInstalls) {
  for (const Known& each : known()) {
    for (const bool has_link : {false, true}) {
      ProcessFacts facts;
      facts.pid = 1;
      facts.cmdline = each.path + '\0';
      for (const auto& flag : each.flags) {
        facts.cmdline += flag + '\0';
      }
      facts.exe = has_link ? each.path : "";
      ASSERT_TRUE(may_be_session(facts.cmdline)) << each.what;
      const auto session = recognise(facts);
      ASSERT_TRUE(session) << each.what;
      EXPECT_STREQ(to_string(session->kind), to_string(each.kind)) << each.what;
      EXPECT_STREQ(to_string(session->era), to_string(each.era)) << each.what;
      EXPECT_EQ(session->is_usable(), each.is_usable) << each.what;
      EXPECT_EQ(session->version, each.version) << each.what;
      EXPECT_EQ(session->binary_path, each.path) << each.what;
      EXPECT_EQ(session->is_remote, each.path.find("-server/") != std::string::npos) << each.what;
    }
  }
}

TEST(Recognise, ReadsTheSecondTokenOfE2) {
  auto facts = ide();
  facts.cmdline += joined({"--extension_server_csrf_token=second"});
  const auto session = recognise(facts);
  EXPECT_EQ(session->csrf_token.expose(), "token");
  EXPECT_EQ(session->extension_csrf_token.expose(), "second");
}

TEST(Recognise, KeepsNothingOfWhatAUserSaidToAgy) {
  ProcessFacts facts;
  facts.cmdline = joined({"agy", "--workspace_id=w", "--csrf_token=t", "my secret question"});
  const auto session = recognise(facts);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->workspace_id, "");
  EXPECT_TRUE(session->csrf_token.empty());
  EXPECT_EQ(session->binary_path, "");
  EXPECT_NE(session->unusable_reason(), "");
}

TEST(Recognise, SeesAWrapperScriptAndATracerAsWrappers) {
  auto facts = ide();
  facts.cmdline.insert(0, joined({"/bin/bash"}));
  const auto script = recognise(facts);
  ASSERT_TRUE(script);
  EXPECT_EQ(script->wrapper, "/bin/bash");
  EXPECT_EQ(script->binary_path, kBinary);
  EXPECT_FALSE(script->is_usable());
  facts.cmdline = joined({"/usr/bin/graftcp", "-n"}) + ide().cmdline;
  EXPECT_EQ(recognise(facts)->wrapper, "/usr/bin/graftcp");
  facts.cmdline = joined({"/usr/bin/strings", kBinary});
  EXPECT_FALSE(recognise(facts)) << "a program that reads the binary is none";
}

TEST(Recognise, NeverSpeaksOfTokens) {
  auto facts = ide(100, 1000, "marked-token");
  facts.cmdline += joined({"--extension_server_csrf_token=marked-second"});
  auto session = recognise(facts);
  for (const bool is_lost : {false, true}) {
    session->has_lost_extension_server = is_lost;
    EXPECT_EQ((name_of(*session) + session->unusable_reason()).find("marked"), std::string::npos);
  }
}

TEST(Session, AWorkspaceIdThatTheHelperRefusesIsNotPassedOn) {
  Session session;
  for (const std::string& good :
       {std::string(), std::string("file_srv_U_9"), std::string(256, 'a')}) {
    session.workspace_id = good;
    EXPECT_EQ(session.passable_workspace_id(), good);
  }
  for (const std::string& bad :
       {std::string(257, 'a'), std::string("file-a"), std::string("a b"), std::string("a\0b", 3),
        std::string("vscode:remote"), std::string("日本"), std::string("../x")}) {
    session.workspace_id = bad;
    EXPECT_EQ(session.passable_workspace_id(), "") << bad;
  }
}

}  // namespace
}  // namespace agp::ls
