#include "cli/login_command.h"

#include "cli/command.h"
#include "tests/cli/fake_daemon.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

class LoginCommand : public ::testing::TestWithParam<const char*> {
 protected:
  Output run_words(const std::vector<std::string>& words) { return run(words, daemon_, false); }
  FakeDaemon daemon_;
};

TEST_P(LoginCommand, ShowsTheDocumentAsItIs) {
  const auto output = run_words({GetParam(), "--json"});
  EXPECT_EQ(output.exit, Exit::ok);
  EXPECT_TRUE(output.out.starts_with("{")) << output.out;
  EXPECT_EQ(run_words({GetParam()}).exit, Exit::ok);
}

TEST_P(LoginCommand, HasHelpAndTakesNothingElse) {
  EXPECT_TRUE(run_words({GetParam(), "--help"}).out.starts_with("Usage: antigravity-proxy "));
  EXPECT_EQ(run_words({GetParam(), "extra"}).exit, Exit::usage);
  EXPECT_EQ(run_words({GetParam(), "--since", "today"}).exit, Exit::usage);
}

TEST_P(LoginCommand, AFailureKeepsItsExitCode) {
  const Failure refused{Exit::refused, "refused", "not yours", "ask the other"};
  daemon_.quota_answer = daemon_.models_answer = daemon_.sessions_answer = refused;
  const auto output = run_words({GetParam()});
  EXPECT_EQ(output.exit, Exit::refused);
  EXPECT_EQ(output.err, "antigravity-proxy: not yours\nask the other\n");
  EXPECT_EQ(run_words({GetParam(), "--json"}).exit, Exit::refused);
}

INSTANTIATE_TEST_SUITE_P(EachVerb, LoginCommand, ::testing::Values("quota", "models", "sessions"));

TEST(LoginCommandOld, WhatWasReadEarlierIsShownAndFails) {
  FakeDaemon daemon;
  daemon.quota_answer =
      R"({"state":"stale","problem":{"message":"m","remedy":"r"},"models":[],"pools":[]})";
  const auto output = run({"quota"}, daemon, false);
  EXPECT_EQ(output.exit, Exit::failed);
  EXPECT_NE(output.out.find("MODEL"), std::string::npos);
}

}  // namespace
}  // namespace agp::cli
