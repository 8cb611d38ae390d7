#include "daemon/ls/trajectory_reader.h"

#include "daemon/ls/errors.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

const std::string kAnswer =
    R"({"trajectory":{"trajectoryId":"T","cascadeId":"C","steps":[)"
    R"({"type":"CORTEX_STEP_TYPE_USER_INPUT","status":"CORTEX_STEP_STATUS_DONE"},)"
    R"({"type":"CORTEX_STEP_TYPE_PLANNER_RESPONSE","status":"CORTEX_STEP_STATUS_DONE",)"
    R"("plannerResponse":{"response":"hi"},"metadata":{"modelUsage":{"responseId":"R"}}}],)"
    R"("generatorMetadata":[{"stepIndices":[1],"chatModel":{"responseModel":"m"}}],)"
    R"("executorMetadatas":[{"terminationReason":"EXECUTOR_TERMINATION_REASON_NO_TOOL_CALL"}]},)"
    R"("status":"CASCADE_RUN_STATUS_IDLE","numTotalSteps":2})";

TEST(TrajectoryReader, TakesTheWholeStateFromEachAnswer) {
  TrajectoryReader reader(0);
  ASSERT_TRUE(reader.feed(kAnswer));
  EXPECT_TRUE(reader.is_news());
  const LiveState& state = reader.state();
  EXPECT_EQ(state.trajectory_id, "T");
  EXPECT_EQ(state.run_status, "IDLE");
  ASSERT_EQ(state.steps.size(), 2U);
  EXPECT_EQ(state.steps[1].text, "hi");
  EXPECT_EQ(state.steps[1].response_id, "R");
  EXPECT_EQ(state.generations.at(0).model, "m");
  EXPECT_EQ(state.end.reason, "NO_TOOL_CALL");
  EXPECT_TRUE(state.is_complete);
  ASSERT_TRUE(reader.feed(kAnswer));
  EXPECT_FALSE(reader.is_news());
  ASSERT_TRUE(reader.feed(R"({"numTotalSteps":1})"));
  EXPECT_TRUE(reader.is_news());
  EXPECT_TRUE(reader.state().steps.empty());
  EXPECT_FALSE(reader.state().is_complete);
  EXPECT_EQ(reader.state().trajectory_id, "T");
}

TEST(TrajectoryReader, DoesNotReadEarlierTurns) {
  TrajectoryReader reader(1);
  ASSERT_TRUE(reader.feed(kAnswer));
  EXPECT_EQ(reader.state().steps[0].type, "");
  EXPECT_EQ(reader.state().steps[1].type, "PLANNER_RESPONSE");
}

TEST(TrajectoryReader, RefusesEveryCutOfAnAnswer) {
  for (std::size_t cut = 0; cut < kAnswer.size(); ++cut) {
    TrajectoryReader reader(0);
    ASSERT_EQ(reader.feed(kAnswer.substr(0, cut)).error().code, Errc::bad_answer) << cut;
  }
}

TEST(Standing, HasTheLargerOfListAndTotalAndTheRunStatus) {
  const auto standing = read_standing(
      R"({"trajectory":{"steps":[{},{}]},"numTotalSteps":5,"status":"CASCADE_RUN_STATUS_IDLE"})");
  ASSERT_TRUE(standing);
  EXPECT_EQ(standing->steps, 5U);
  EXPECT_EQ(standing->run_status, "IDLE");
  EXPECT_EQ(read_standing("{}")->steps, 0U);
  EXPECT_EQ(read_standing("{}")->run_status, "");
  EXPECT_FALSE(read_standing("nonsense"));
}

}  // namespace
}  // namespace agp::ls
