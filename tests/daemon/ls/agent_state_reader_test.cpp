#include "daemon/ls/agent_state_reader.h"

#include "daemon/ls/errors.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

std::string steps_update(const std::string& indices,
                         const std::string& steps,
                         const std::string& total) {
  return R"({"update":{"mainTrajectoryUpdate":{"stepsUpdate":{"indices":[)" + indices +
         R"(],"steps":[)" + steps + "]" + (total.empty() ? "" : R"(,"totalLength":)" + total) +
         "}}}}";
}

const std::string kInput =
    R"({"type":"CORTEX_STEP_TYPE_USER_INPUT","status":"CORTEX_STEP_STATUS_DONE"})";
std::string planner(const std::string& text) {
  return R"({"type":"CORTEX_STEP_TYPE_PLANNER_RESPONSE","status":"CORTEX_STEP_STATUS_GENERATING",)"
         R"("plannerResponse":{"modifiedResponse":")" +
         text + "\"}}";
}

TEST(AgentStateReader, StartsWithEverythingAndKeepsWhatALaterMessageDoesNotHave) {
  AgentStateReader reader(0);
  ASSERT_TRUE(reader.feed(
      R"({"update":{"conversationId":"C","trajectoryId":"T","status":"CASCADE_RUN_STATUS_RUNNING",)"
      R"("executableStatus":"CASCADE_RUN_STATUS_RUNNING","mainTrajectoryUpdate":{"stepsUpdate":)"
      R"({"indices":[0],"steps":[)" +
      kInput +
      R"(],"totalLength":1},"generatorMetadatasUpdate":{"indices":[0],)"
      R"("generatorMetadatas":[{"stepIndices":[1],"chatModel":{"responseModel":"m"}}],)"
      R"("totalLength":1}}}})"));
  ASSERT_TRUE(reader.feed(steps_update("1", planner("he"), "2")));
  EXPECT_EQ(reader.state().trajectory_id, "T");
  EXPECT_EQ(reader.state().run_status, "RUNNING");
  EXPECT_EQ(reader.state().generations.at(0).model, "m");
  ASSERT_TRUE(reader.feed(steps_update("1", planner("hello"), "2")));
  ASSERT_EQ(reader.state().steps.size(), 2U);
  EXPECT_EQ(reader.state().steps[0].type, "USER_INPUT");
  EXPECT_EQ(reader.state().steps[1].text, "hello");
  ASSERT_TRUE(reader.feed(R"({"update":{"status":"CASCADE_RUN_STATUS_IDLE","executorMetadata":)"
                          R"({"terminationReason":"EXECUTOR_TERMINATION_REASON_NO_TOOL_CALL"}}})"));
  EXPECT_EQ(reader.state().run_status, "IDLE");
  EXPECT_EQ(reader.state().end.reason, "NO_TOOL_CALL");
  EXPECT_EQ(reader.state().steps.size(), 2U);
}

TEST(AgentStateReader, ReplacesAStepAsAWhole) {
  AgentStateReader reader(0);
  ASSERT_TRUE(reader.feed(steps_update("0", planner("a"), "1")));
  ASSERT_TRUE(reader.feed(steps_update("0", kInput, "1")));
  EXPECT_EQ(reader.state().steps[0].text, "");
}

TEST(AgentStateReader, CutsTheListToItsLength) {
  AgentStateReader reader(0);
  ASSERT_TRUE(reader.feed(steps_update("0,1", kInput + "," + planner("a"), "2")));
  ASSERT_TRUE(reader.feed(steps_update("", "", "1")));
  EXPECT_EQ(reader.state().steps.size(), 1U);
  ASSERT_TRUE(reader.feed(steps_update("", "", "")));
  EXPECT_TRUE(reader.state().steps.empty());
}

TEST(AgentStateReader, AStepThatWasSkippedIsMissing) {
  AgentStateReader reader(0);
  ASSERT_TRUE(reader.feed(steps_update("1", planner("a"), "2")));
  EXPECT_FALSE(reader.state().is_complete);
  ASSERT_TRUE(reader.feed(steps_update("0", kInput, "2")));
  EXPECT_TRUE(reader.state().is_complete);
}

TEST(AgentStateReader, DoesNotReadEarlierTurnsAndDoesNotMissThem) {
  AgentStateReader reader(1);
  ASSERT_TRUE(reader.feed(steps_update("0,1", planner("old") + "," + planner("new"), "2")));
  EXPECT_EQ(reader.state().steps[0].text, "");
  EXPECT_EQ(reader.state().steps[1].text, "new");
  EXPECT_TRUE(reader.state().is_complete);
}

TEST(AgentStateReader, RefusesWhatDoesNotFitTogether) {
  for (const std::string& wrong : {steps_update("0,1", kInput, "2"), steps_update("0", "", "1"),
                                   steps_update("-1", kInput, ""), steps_update("0", "7", "1"),
                                   std::string("[]"), std::string("{")}) {
    AgentStateReader reader(0);
    EXPECT_EQ(reader.feed(wrong).error().code, Errc::bad_answer) << wrong;
  }
}

TEST(AgentStateReader, RefusesPositionsBeyondAllMeasure) {
  for (const std::string& wrong :
       {steps_update("100000", kInput, ""), steps_update("0", kInput, "100001")}) {
    AgentStateReader reader(0);
    EXPECT_EQ(reader.feed(wrong).error().code, Errc::too_large) << wrong;
  }
}

TEST(AgentStateReader, TakesAMessageWithoutAnUpdateForNothing) {
  AgentStateReader reader(0);
  EXPECT_TRUE(reader.feed("{}"));
  EXPECT_TRUE(reader.feed(R"({"update":{}})"));
  EXPECT_TRUE(reader.state().is_complete);
}

}  // namespace
}  // namespace agp::ls
