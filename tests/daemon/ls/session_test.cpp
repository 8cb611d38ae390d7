#include "daemon/ls/session.h"

#include <string>

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

TEST(SplitArguments, KeepsEmptyOnesAndToleratesAMissingEnd) {
  const std::string line("a\0\0b", 4);
  EXPECT_EQ(split_arguments(line), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_TRUE(split_arguments("").empty());
}

TEST(FlagValue, ReadsBothFormsWithOneOrTwoDashesAndTheLastWins) {
  const std::vector<std::string_view> arguments = {"ls", "-a=1", "--b", "2", "--a", "3", "--c="};
  EXPECT_EQ(flag_value(arguments, "a"), "3");
  EXPECT_EQ(flag_value(arguments, "b"), "2");
  EXPECT_EQ(flag_value(arguments, "c"), "");
  EXPECT_FALSE(flag_value(arguments, "d"));
}

TEST(FlagValue, DoesNotMistakeALongerNameAndStopsAtTheEndOfFlags) {
  const std::vector<std::string_view> arguments = {"ls", "--token_x=1", "--", "--token=2"};
  EXPECT_FALSE(flag_value(arguments, "token"));
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

std::vector<Session> sessions(std::initializer_list<ProcessFacts> all) {
  std::vector<Session> out;
  for (const auto& facts : all) {
    out.push_back(std::move(*recognise(facts)));
  }
  return out;
}

TEST(Choose, TakesTheOnlyUserAndTheOldestWindow) {
  const auto found = sessions({ide(300), ide(200), ide(400)});
  EXPECT_EQ(choose(found, {}, {}, {}).index, 1U);
}

TEST(Choose, KeepsTheWindowInUse) {
  const auto found = sessions({ide(300), ide(200), ide(400)});
  EXPECT_EQ(choose(found, {}, {}, found[0].fingerprint()).index, 0U);
  EXPECT_EQ(choose(found, {}, {}, found[2].fingerprint()).index, 2U);
}

TEST(Choose, AsksWhenSeveralUsersRunTheIdeUnlessOneIsNamed) {
  const auto found = sessions({ide(1, 1000), ide(2, 1001)});
  const auto open = choose(found, {}, {}, {});
  EXPECT_FALSE(open.index);
  EXPECT_EQ(open.users.size(), 2U);
  EXPECT_EQ(choose(found, 1001, {}, {}).index, 1U);
  EXPECT_FALSE(choose(found, 1002, {}, {}).index);
}

TEST(Choose, NeverTakesOurOwnLanguageServer) {
  const auto found = sessions({ide(1, 990), ide(2, 1000)});
  EXPECT_EQ(choose(found, {}, {990}, {}).index, 1U);
  EXPECT_FALSE(choose(found, 990, {990}, {}).index);
}

TEST(Choose, SaysWhyAFoundOneCannotBeUsed) {
  auto facts = ide();
  facts.cmdline = joined({kBinary, "--csrf_token=t"});
  const auto choice = choose(sessions({facts}), {}, {}, {});
  EXPECT_FALSE(choice.index);
  EXPECT_NE(choice.hint.find("pid 100"), std::string::npos);
}

}  // namespace
}  // namespace agp::ls
