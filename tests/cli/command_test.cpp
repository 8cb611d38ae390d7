#include "cli/command.h"

#include "tests/cli/fake_daemon.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

Output run_words(const std::vector<std::string>& words, FakeDaemon& daemon) {
  return run(words, daemon, false);
}

Output run_words(const std::vector<std::string>& words) {
  FakeDaemon daemon;
  return run_words(words, daemon);
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Command, NoVerbIsAWrongCommandLine) {
  const auto output = run_words({});
  EXPECT_EQ(output.exit, Exit::usage);
  EXPECT_EQ(output.out, "");
  EXPECT_TRUE(has(output.err, "status"));
}

TEST(Command, EveryVerbHasHelp) {
  for (const char* verb :
       {"status", "usage", "records", "export", "replay", "doctor", "ide-patch", "version"}) {
    const auto output = run_words({verb, "--help"});
    EXPECT_EQ(output.exit, Exit::ok);
    EXPECT_TRUE(has(output.out, std::string("antigravity-proxy ") + verb));
    EXPECT_TRUE(has(output.out, "--json"));
  }
  EXPECT_TRUE(has(run_words({"--help"}).out, "Exit codes"));
}

TEST(Command, UnknownWordsAreNamed) {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"frobnicate"},
                                             {"usage", "--frobnicate"},
                                             {"usage", "frobnicate"},
                                             {"status", "--model=frobnicate"}}) {
    const auto output = run_words(words);
    EXPECT_EQ(output.exit, Exit::usage);
    EXPECT_TRUE(has(output.err, words[0] == "status" ? "--model" : "frobnicate")) << output.err;
  }
}

TEST(Command, FaultsAreJsonToo) {
  const auto output = run_words({"usage", "--json", "--since"});
  EXPECT_EQ(output.err, "");
  const auto repeated = run_words({"usage", "--model", "a", "--model=b", "--json"});
  EXPECT_EQ(repeated.exit, Exit::usage);
  EXPECT_EQ(repeated.err, "");
  EXPECT_TRUE(repeated.out.starts_with("{\"error\":{\"code\":\"wrong_command_line\""));
}

TEST(Command, JsonIsTheDaemonsOwnDocument) {
  FakeDaemon daemon;
  const auto output = run_words({"--json", "usage"}, daemon);
  EXPECT_EQ(output.out, std::get<std::string>(daemon.usage_answer));
}

TEST(Command, ADegradedServiceIsAFailure) {
  FakeDaemon daemon;
  daemon.status_answer = R"({"state":"degraded","version":"1.0","problems":[]})";
  EXPECT_EQ(run_words({"status"}, daemon).exit, Exit::failed);
  EXPECT_EQ(run_words({"status", "--json"}, daemon).exit, Exit::failed);
  daemon.status_answer = R"({"state":"waiting","version":"1.0","problems":[]})";
  EXPECT_EQ(run_words({"status"}, daemon).exit, Exit::ok);
}

TEST(Command, AnAbsentDaemonIsToldWithItsRemedy) {
  FakeDaemon daemon;
  daemon.usage_answer =
      Failure{Exit::not_active, "not_active", "not running", "systemctl start antigravity-proxy"};
  const auto output = run_words({"usage"}, daemon);
  EXPECT_EQ(output.exit, Exit::not_active);
  EXPECT_TRUE(has(output.err, "systemctl start antigravity-proxy"));
  const auto document = run_words({"usage", "--json"}, daemon);
  EXPECT_EQ(document.exit, Exit::not_active);
  EXPECT_TRUE(has(document.out, "\"hint\":\"systemctl start antigravity-proxy\""));
}

TEST(Command, AnAnswerThatIsNotUnderstoodIsBadData) {
  FakeDaemon daemon;
  daemon.usage_answer = "[]";
  daemon.status_answer = "{";
  EXPECT_EQ(run_words({"usage"}, daemon).exit, Exit::data);
  EXPECT_EQ(run_words({"status"}, daemon).exit, Exit::data);
}

TEST(Command, VersionNeedsNoDaemon) {
  EXPECT_EQ(run_words({"version"}).out, "antigravity-proxy " AGP_VERSION "\n");
  EXPECT_EQ(run_words({"--version"}).out, "antigravity-proxy " AGP_VERSION "\n");
  EXPECT_EQ(run_words({"version", "--json"}).out, "{\"version\":\"" AGP_VERSION "\"}\n");
}

}  // namespace
}  // namespace agp::cli
