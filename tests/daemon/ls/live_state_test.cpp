#include "daemon/ls/live_state.h"

#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::ls {
namespace {

boost::json::object object(const char* text) {
  return boost::json::parse(text).as_object();
}

TEST(LiveState, ReadsNamesAndNumbersOfEnumsAlike) {
  const auto by_name = read_step(object(
      R"({"type":"CORTEX_STEP_TYPE_PLANNER_RESPONSE","status":"CORTEX_STEP_STATUS_GENERATING",)"
      R"("plannerResponse":{"response":"a","stopReason":"STOP_REASON_MAX_TOKENS"}})"));
  const auto by_number = read_step(
      object(R"({"type":15,"status":8,"plannerResponse":{"response":"a","stopReason":3}})"));
  EXPECT_EQ(by_name, by_number);
  EXPECT_EQ(by_name.type, "PLANNER_RESPONSE");
  EXPECT_EQ(by_name.status, "GENERATING");
  EXPECT_EQ(by_name.stop_reason, "MAX_TOKENS");
  EXPECT_EQ(read_step(object(R"({"type":132,"status":99})")).type, "132");
  EXPECT_EQ(read_run_status(object(R"({"status":2})")), "RUNNING");
  EXPECT_EQ(read_run_status(object("{}")), "");
}

TEST(LiveState, ReadsWhatAStepSaysToTheUser) {
  EXPECT_EQ(read_step(object(R"({"type":15,"plannerResponse":{"response":"raw",)"
                             R"("modifiedResponse":"nice","thinking":"hm"}})"))
                .text,
            "nice");
  EXPECT_EQ(read_step(object(R"({"type":82,"notifyUser":{"notificationContent":"done"}})")).text,
            "done");
  const auto calling =
      read_step(object(R"({"type":15,"plannerResponse":{"toolCalls":[{"id":"1"}]}})"));
  EXPECT_TRUE(calling.wants_tools);
  EXPECT_EQ(read_step(object(R"({"type":14,"userInput":{"userResponse":"q"}})")).text, "");
}

TEST(LiveState, ReadsTheFriendlyErrorOnly) {
  EXPECT_EQ(read_step(object(R"({"type":17,"errorMessage":{"error":{"userErrorMessage":"quota",)"
                             R"("fullError":"secret"}}})"))
                .error,
            "quota");
  EXPECT_EQ(read_step(object(R"({"type":15,"error":{"shortError":"short"}})")).error, "short");
  EXPECT_TRUE(read_step(object(R"({"type":15,"status":7})")).error);
  EXPECT_TRUE(read_step(object(R"({"type":15,"plannerResponse":{"stopReason":18}})")).error);
  EXPECT_FALSE(read_step(object(R"({"type":15,"status":3,"plannerResponse":{}})")).error);
}

TEST(LiveState, NamesEveryAttemptOfAGeneration) {
  const auto generation = read_generation(
      object(R"({"stepIndices":[2],"chatModel":{"responseModel":"m","usage":{"responseId":"r2"},)"
             R"("retryInfos":[{"usage":{"responseId":"r1"}},{},7]}})"));
  EXPECT_EQ(generation.step_index, 2U);
  EXPECT_EQ(generation.model, "m");
  EXPECT_EQ(generation.response_ids, (std::vector<std::string>{"r2", "r1"}));
  EXPECT_FALSE(read_generation(object("{}")).step_index);
}

TEST(LiveState, ReadsHowARunEnded) {
  const auto end = read_run_end(object(
      R"({"terminationReason":"EXECUTOR_TERMINATION_REASON_USER_CANCELED","lastStepIdx":4})"));
  EXPECT_EQ(end.reason, "USER_CANCELED");
  EXPECT_EQ(end.last_step_index, 4U);
  EXPECT_EQ(read_run_end(object(R"({"terminationReason":4})")).reason, "NO_TOOL_CALL");
}

}  // namespace
}  // namespace agp::ls
