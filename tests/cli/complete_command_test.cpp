#include "cli/complete_command.h"

#include "cli/command.h"
#include "tests/cli/fake_daemon.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

TEST(CompleteCommand, OffersWhatTheServiceKnows) {
  FakeDaemon daemon;
  daemon.usage_answer =
      R"({"groups":[{"key":{"model":"b-2"}},{"key":{"model":null}},{"key":{"model":"a-1"}}]})";
  daemon.models_answer = R"({"data":[{"id":"c-3"},{"id":"a-1"}]})";
  EXPECT_EQ(run({"complete", "model"}, daemon, false).out, "a-1\nb-2\nc-3\n");
  EXPECT_EQ(daemon.asked.at("group_by"), "model");
  EXPECT_EQ(run({"complete", "model", "--json"}, daemon, false).out, "[\"a-1\",\"b-2\",\"c-3\"]\n");
  daemon.usage_answer = R"({"groups":[{"key":{"uid":1000}}]})";
  EXPECT_EQ(run({"complete", "uid"}, daemon, false).out, "1000\n");
  daemon.usage_answer =
      R"({"groups":[{"key":{"cascade":"5f0c1d2e-7a31-4b52-9c33-0a1b2c3d4e5f"}},{"key":{"cascade":null}}]})";
  EXPECT_EQ(run({"complete", "cascade"}, daemon, false).out,
            "5f0c1d2e-7a31-4b52-9c33-0a1b2c3d4e5f\n");
  EXPECT_EQ(daemon.asked.at("group_by"), "cascade");
  daemon.quota_answer = R"({"pools":[{"name":"premium","buckets":[]}]})";
  EXPECT_EQ(run({"complete", "pool"}, daemon, false).out, "premium\n");
}

TEST(CompleteCommand, LeavesOutWhatAShellCouldRun) {
  FakeDaemon daemon;
  daemon.usage_answer =
      R"x({"groups":[{"key":{"host":"$(reboot)"}},{"key":{"host":"a b"}},)x"
      R"x({"key":{"host":"`x`"}},{"key":{"host":"a\nb"}},{"key":{"host":"api.example.org"}}]})x";
  EXPECT_EQ(run({"complete", "host"}, daemon, false).out, "api.example.org\n");
}

TEST(CompleteCommand, IsSilentWithoutAnAnswer) {
  FakeDaemon daemon;
  for (const Answer<std::string>& answer :
       {Answer<std::string>(Failure{Exit::not_active, "not_active", "not running", "start it"}),
        Answer<std::string>("no json"), Answer<std::string>("[]"),
        Answer<std::string>(R"({"groups":[1,{"key":2}]})")}) {
    daemon.usage_answer = answer;
    daemon.models_answer = answer;
    const auto output = run({"complete", "model"}, daemon, false);
    EXPECT_EQ(output.exit, Exit::ok);
    EXPECT_EQ(output.out + output.err, "");
  }
}

TEST(CompleteCommand, RefusesAKindThatThereIsNot) {
  FakeDaemon daemon;
  EXPECT_EQ(run({"complete", "frobnicate"}, daemon, false).exit, Exit::usage);
}

TEST(CompleteCommand, IsHurriedAndNothingElseIs) {
  EXPECT_TRUE(is_completion({"complete", "model"}));
  EXPECT_FALSE(is_completion({"usage", "complete"}));
  EXPECT_FALSE(is_completion({}));
}

}  // namespace
}  // namespace agp::cli
