#include "cli/language_server_command.h"

#include "cli/command.h"
#include "tests/cli/fake_daemon.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr const char* kRunning =
    R"({"schema":"antigravity-proxy.language-server.v1","language_server":{"mode":"managed",
    "state":"running","usable":true,"waits_for":null,"instance":"0f","user":"ada",
    "stopped_on_request":false,"crashes":0,"last_exit":null,"log":["chatter"]},"problems":[]})";
constexpr const char* kStopped =
    R"({"language_server":{"mode":"managed","state":"stopped-on-request","usable":false,
    "instance":null,"user":"ada","stopped_on_request":true,"crashes":0,"last_exit":null,"log":[]},
    "problems":[{"code":"language-server-stopped","message":"it was stopped","remedy":"ls start",
    "severity":"waiting"}]})";
constexpr const char* kWaiting =
    R"({"language_server":{"mode":"managed","state":"waiting-for-ide","usable":false,
    "stopped_on_request":false,"crashes":0,"last_exit":null,"log":[]},
    "problems":[{"code":"ide","message":"waiting for the IDE","remedy":"start it",
    "severity":"waiting"}]})";
constexpr const char* kCrashing =
    R"({"language_server":{"mode":"managed","state":"crash-loop","usable":false,
    "stopped_on_request":false,"crashes":4,"last_exit":{"result":"signal","status":11,
    "at":"2026-11-22T10:00:00Z"},"log":["panic: no\u001b[31m"]},
    "problems":[{"code":"language-server","message":"crash loop","remedy":"see"}]})";

class LanguageServerCommand : public ::testing::Test {
 protected:
  Output run(const std::vector<std::string>& words, const char* answer) {
    daemon.server_answer = std::string(answer);
    return run_language_server(parse_line(words), daemon, false);
  }
  FakeDaemon daemon;
};

TEST_F(LanguageServerCommand, EachVerbIsAQuestionOfItsOwn) {
  for (const char* verb : {"start", "stop", "restart", "status"}) {
    (void)run({"ls", verb}, kRunning);
  }
  EXPECT_EQ(daemon.orders, (std::vector<std::string>{"start", "stop", "restart", "status"}));
}

TEST_F(LanguageServerCommand, ItsExitTellsWhetherItRuns) {
  for (const char* verb : {"start", "restart", "status"}) {
    EXPECT_EQ(run({"ls", verb}, kRunning).exit, Exit::ok) << verb;
    EXPECT_EQ(run({"ls", verb}, kStopped).exit, Exit::not_active) << verb;
    EXPECT_EQ(run({"ls", verb}, kWaiting).exit, Exit::not_active) << verb;
    EXPECT_EQ(run({"ls", verb}, kCrashing).exit, Exit::failed) << verb;
  }
  EXPECT_EQ(run({"ls", "stop"}, kStopped).exit, Exit::ok);
  EXPECT_EQ(run({"ls", "stop"}, kRunning).exit, Exit::failed);
}

TEST_F(LanguageServerCommand, SaysHowItEndedAndWhatItWroteLast) {
  const auto text = run({"ls", "status"}, kCrashing).out;
  for (const char* part :
       {"crash-loop", "4 in a row", "signal 11 at 2026-11-22", "panic: no", "crash loop"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in:\n" << text;
  }
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  const auto running = run({"ls", "status"}, kRunning).out;
  EXPECT_NE(running.find("ada"), std::string::npos);
  EXPECT_EQ(running.find("chatter"), std::string::npos) << "nobody wonders while it runs";
  EXPECT_NE(run({"ls", "status"}, kStopped).out.find("it was stopped"), std::string::npos);
}

TEST_F(LanguageServerCommand, JsonIsTheDocumentAsItIs) {
  EXPECT_EQ(run({"ls", "status", "--json"}, kRunning).out, kRunning);
  daemon.server_answer = Failure{Exit::refused, "refused", "no", "ask"};
  const auto refused = run_language_server(parse_line({"ls", "stop", "--json"}), daemon, false);
  EXPECT_EQ(refused.exit, Exit::refused);
  EXPECT_NE(refused.out.find("\"refused\""), std::string::npos);
}

TEST_F(LanguageServerCommand, AWrongLineIsNamed) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"ls"},
                                                {"ls", "go"},
                                                {"ls", "stop", "now"},
                                                {"ls", "stop", "--x"}}) {
    EXPECT_EQ(cli::run(words, daemon, false).exit, Exit::usage);
  }
  EXPECT_TRUE(daemon.orders.empty());
}

TEST_F(LanguageServerCommand, AnAnswerThatIsNoneIsSaid) {
  for (const char* answer : {"", "[]", "{}", R"({"language_server":{},"problems":3})"}) {
    EXPECT_EQ(run({"ls", "status"}, answer).exit, Exit::data) << answer;
  }
}

}  // namespace
}  // namespace agp::cli
