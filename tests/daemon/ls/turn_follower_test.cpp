#include "daemon/ls/turn_follower.h"

#include "daemon/ls/agent_state_reader.h"
#include "daemon/ls/errors.h"
#include "daemon/ls/reactive_reader.h"
#include "daemon/ls/trajectory_reader.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

LiveStep live(const std::string& type, const std::string& status, const std::string& text = "") {
  LiveStep out;
  out.type = type;
  out.status = status;
  out.text = text;
  return out;
}

LiveState state_of(const std::string& run, std::vector<LiveStep> steps) {
  LiveState out;
  out.trajectory_id = "T";
  out.run_status = run;
  out.steps = std::move(steps);
  return out;
}

const LiveStep kInput = live("USER_INPUT", "DONE");

class TurnFollowerTest : public ::testing::Test {
 protected:
  std::vector<TurnEvent> see(const LiveState& state, milliseconds later = milliseconds(10)) {
    now += later;
    follower.observe(state, true, now);
    return drain();
  }
  std::vector<TurnEvent> wait(milliseconds later) {
    now += later;
    follower.on_time(now);
    return drain();
  }
  std::vector<TurnEvent> drain() {
    std::vector<TurnEvent> out;
    while (auto event = follower.next_event()) {
      out.push_back(std::move(*event));
    }
    return out;
  }
  using Events = std::vector<TurnEvent>;

  TurnFollower::TimePoint now{seconds(100)};
  TurnFollower follower{0, {}, now};
};

TEST_F(TurnFollowerTest, TellsATurnAsItGoesOn) {
  EXPECT_EQ(see(state_of("IDLE", {})), (Events{RunStatusChanged{"IDLE"}}));
  EXPECT_EQ(see(state_of("RUNNING", {kInput})),
            (Events{RunStatusChanged{"RUNNING"}, StepChanged{0, "USER_INPUT", "DONE", true}}));
  EXPECT_EQ(see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "GENERATING", "he")})),
            (Events{StepChanged{1, "PLANNER_RESPONSE", "GENERATING", true}, TextGrown{"he"}}));
  EXPECT_EQ(see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "GENERATING", "hello")})),
            (Events{TextGrown{"llo"}}));
  auto last = live("PLANNER_RESPONSE", "DONE", "hello");
  last.response_id = "R";
  EXPECT_EQ(see(state_of("IDLE", {kInput, last})),
            (Events{RunStatusChanged{"IDLE"}, StepChanged{1, "PLANNER_RESPONSE", "DONE", false},
                    ResponseNamed{{"R", 1}}, TurnDone{"stop"}}));
  EXPECT_TRUE(follower.is_done());
  EXPECT_EQ(follower.result().text, "hello");
  EXPECT_EQ(follower.result().trajectory_id, "T");
  EXPECT_FALSE(follower.deadline());
}

TEST_F(TurnFollowerTest, NothingIsToldAfterTheEnd) {
  (void)see(state_of("IDLE", {kInput, live("PLANNER_RESPONSE", "DONE", "a")}));
  EXPECT_TRUE(see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "DONE", "ab")})).empty());
  EXPECT_TRUE(wait(seconds(1000)).empty());
  follower.fail({Errc::unreachable, ""});
  EXPECT_TRUE(follower.is_done());
}

TEST_F(TurnFollowerTest, TakesBackWhatWasSaidBeforeATool) {
  (void)see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "GENERATING", "let me look")}));
  auto calling = live("PLANNER_RESPONSE", "DONE", "let me look");
  calling.wants_tools = true;
  EXPECT_EQ(see(state_of("RUNNING", {kInput, calling})),
            (Events{StepChanged{1, "PLANNER_RESPONSE", "DONE", false}, TextRewritten{""}}));
  EXPECT_EQ(see(state_of("RUNNING", {kInput, calling, live("VIEW_FILE", "DONE"),
                                     live("PLANNER_RESPONSE", "GENERATING", "found")}))
                .back(),
            TurnEvent(TextGrown{"found"}));
}

TEST_F(TurnFollowerTest, ATextThatIsNotALongerOneIsRewritten) {
  (void)see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "GENERATING", "raw text")}));
  EXPECT_EQ(see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "GENERATING", "nice")})),
            (Events{TextRewritten{"nice"}}));
}

TEST_F(TurnFollowerTest, ALookThatIsBehindTakesNothingBack) {
  (void)see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "GENERATING", "hello wo")}));
  EXPECT_EQ(see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "GENERATING", "hello")})),
            Events{});
  EXPECT_EQ(see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "GENERATING")})), Events{});
  EXPECT_EQ(see(state_of("IDLE", {kInput, live("PLANNER_RESPONSE", "DONE", "hello world")})),
            (Events{RunStatusChanged{"IDLE"}, StepChanged{1, "PLANNER_RESPONSE", "DONE", false},
                    TextGrown{"rld"}, TurnDone{"stop"}}));
}

TEST_F(TurnFollowerTest, AnEndThatIsBehindKeepsWhatWasTold) {
  (void)see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "GENERATING", "hello")}));
  (void)see(state_of("IDLE", {kInput, live("PLANNER_RESPONSE", "GENERATING")}));
  EXPECT_EQ(wait(seconds(6)), (Events{TurnDone{"incomplete"}}));
  EXPECT_EQ(follower.result().text, "hello");
}

TEST_F(TurnFollowerTest, AnAnswerThatMovesToAStepOfItsOwnIsNotTakenBack) {
  (void)see(state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "GENERATING", "hel")}));
  const auto moved = live("PLANNER_RESPONSE", "DONE");
  EXPECT_EQ(see(state_of("RUNNING", {kInput, moved})),
            (Events{StepChanged{1, "PLANNER_RESPONSE", "DONE", false}}));
  EXPECT_EQ(see(state_of("IDLE", {kInput, moved, live("NOTIFY_USER", "DONE", "hello")})),
            (Events{RunStatusChanged{"IDLE"}, StepChanged{2, "NOTIFY_USER", "DONE", true},
                    TextGrown{"lo"}, TurnDone{"stop"}}));
  EXPECT_EQ(follower.result().text, "hello");
}

TEST_F(TurnFollowerTest, AStepThatWaitsForTheUserEndsTheTurn) {
  EXPECT_EQ(see(state_of("RUNNING", {kInput, live("RUN_COMMAND", "WAITING")})).back(),
            TurnEvent(UserNeeded{1, "RUN_COMMAND"}));
  EXPECT_TRUE(follower.is_over());
  EXPECT_FALSE(follower.is_done());
  EXPECT_EQ(follower.error().code, Errc::needs_user);
}

TEST_F(TurnFollowerTest, EachWaitHasItsDeadline) {
  EXPECT_EQ(follower.deadline(), now + seconds(30));
  (void)see(state_of("IDLE", {kInput}));
  EXPECT_EQ(follower.deadline(), TurnFollower::TimePoint(seconds(130)));
  (void)see(state_of("RUNNING", {kInput}));
  EXPECT_EQ(follower.deadline(), now + std::chrono::minutes(5));
  const auto half = state_of("IDLE", {kInput, live("PLANNER_RESPONSE", "GENERATING", "he")});
  (void)see(half);
  EXPECT_EQ(follower.deadline(), now + seconds(5));
  EXPECT_TRUE(wait(seconds(4)).empty());
  EXPECT_EQ(wait(seconds(1)), (Events{TurnDone{"incomplete"}}));
  EXPECT_EQ(follower.result().text, "he");
}

TEST_F(TurnFollowerTest, NothingThatEverBeginsFails) {
  EXPECT_EQ(wait(seconds(30)), (Events{TurnFailed{{Errc::no_answer, ""}}}));
}

TEST_F(TurnFollowerTest, ARunThatDoesNotMoveFails) {
  (void)see(state_of("RUNNING", {kInput}));
  EXPECT_TRUE(wait(seconds(299)).empty());
  EXPECT_EQ(wait(seconds(1)), (Events{TurnFailed{{Errc::stalled, ""}}}));
}

TEST_F(TurnFollowerTest, TheEndOfAnEarlierRunIsNotThisOnes) {
  follower = TurnFollower(2, {}, now);
  auto state = state_of("RUNNING", {kInput, live("PLANNER_RESPONSE", "CANCELED"), kInput});
  state.end = {"USER_CANCELED", 1};
  (void)see(state);
  state.run_status = "IDLE";
  EXPECT_FALSE(follower.is_over());
  state.steps.push_back(live("PLANNER_RESPONSE", "DONE", "new"));
  EXPECT_EQ(see(state).back(), TurnEvent(TurnDone{"stop"}));
}

TEST_F(TurnFollowerTest, AStepThatWasRevertedIsNewWhenItComesAgain) {
  (void)see(state_of("RUNNING", {kInput, live("VIEW_FILE", "DONE")}));
  (void)see(state_of("RUNNING", {kInput}));
  EXPECT_EQ(see(state_of("RUNNING", {kInput, live("VIEW_FILE", "DONE")})),
            (Events{StepChanged{1, "VIEW_FILE", "DONE", true}}));
}

// One turn of appendix B in the shapes of the three ways: each look has what the LS has by then.
using Looks = std::vector<std::string>;

const std::string kInputJson =
    R"({"type":"CORTEX_STEP_TYPE_USER_INPUT","status":"CORTEX_STEP_STATUS_DONE",)"
    R"("userInput":{"items":[{"text":"q"}],"userResponse":"q"}})";
std::string planner_json(const std::string& status, const std::string& rest) {
  return R"({"type":"CORTEX_STEP_TYPE_PLANNER_RESPONSE","status":"CORTEX_STEP_STATUS_)" + status +
         R"(","plannerResponse":{)" + rest + "}";
}
const std::string kGrowing =
    planner_json("GENERATING", R"("messageId":"bot-1","response":"he","modifiedResponse":"he")") +
    "}";
const std::string kWhole =
    planner_json("DONE",
                 R"("messageId":"bot-1","response":"hello","modifiedResponse":"hello",)"
                 R"("thinking":"hm","stopReason":"STOP_REASON_STOP_PATTERN")") +
    R"(,"metadata":{"modelUsage":{"inputTokens":"12","responseId":"R1"}}})";
const std::string kGeneration =
    R"({"stepIndices":[1],"chatModel":{"model":"MODEL_PLACEHOLDER_M18","responseModel":"gemini-9",)"
    R"("usage":{"responseId":"R1"},"retryInfos":[{"usage":{}},{"usage":{"responseId":"R1"}}]}})";
const std::string kEnd =
    R"({"terminationReason":"EXECUTOR_TERMINATION_REASON_NO_TOOL_CALL","lastStepIdx":1})";

Looks polled() {
  const auto look = [](const std::string& run, const std::string& steps, const std::string& rest) {
    return R"({"trajectory":{"trajectoryId":"T","cascadeId":"C","steps":[)" + steps + "]" + rest +
           R"(},"status":"CASCADE_RUN_STATUS_)" + run + "\"}";
  };
  return {
      look("IDLE", "", ""), look("RUNNING", kInputJson, ""),
      look("RUNNING", kInputJson + "," + kGrowing, ""),
      look("IDLE", kInputJson + "," + kGrowing, ""),
      look("IDLE", kInputJson + "," + kWhole,
           R"(,"generatorMetadata":[)" + kGeneration + R"(],"executorMetadatas":[)" + kEnd + "]")};
}

/// E2; E3 has fullyIdle besides, which is no sign of the answer's end.
Looks of_agent_state(bool is_e3) {
  const auto look = [&](const std::string& run, const std::string& rest) {
    return R"({"update":{"conversationId":"C","trajectoryId":"T","status":"CASCADE_RUN_STATUS_)" +
           run + R"(","executableStatus":"CASCADE_RUN_STATUS_)" + run + "\"" +
           (is_e3 && run == "IDLE" ? R"(,"fullyIdle":true)" : "") + rest + "}}";
  };
  const auto step = [](int index, const std::string& json, const std::string& more = "") {
    return R"(,"mainTrajectoryUpdate":{"stepsUpdate":{"indices":[)" + std::to_string(index) +
           R"(],"steps":[)" + json + R"(],"totalLength":)" + std::to_string(index + 1) + "}" +
           more + "}";
  };
  return {look("IDLE", R"(,"mainTrajectoryUpdate":{"stepsUpdate":{}})"),
          look("RUNNING", step(0, kInputJson)), look("RUNNING", step(1, kGrowing)),
          look("IDLE", ""),
          look("IDLE", step(1, kWhole,
                            R"(,"generatorMetadatasUpdate":{"indices":[0],"generatorMetadatas":[)" +
                                kGeneration + R"(],"totalLength":1})") +
                           R"(,"executorMetadata":)" + kEnd)};
}

/// E1: field numbers of appendix A.
Looks of_reactive() {
  const std::string idle = R"({"fieldNumber":3,"updateSingular":{"enumValue":1}})";
  const std::string running = R"({"fieldNumber":3,"updateSingular":{"enumValue":2}})";
  int version = 0;
  const auto look = [&](const std::string& diffs) {
    return R"({"version":")" + std::to_string(++version) + R"(","diff":{"fieldDiffs":[)" + diffs +
           "]}}";
  };
  const auto value = [](int number, const std::string& kind, const std::string& json) {
    return R"({"fieldNumber":)" + std::to_string(number) + R"(,"updateSingular":{")" + kind +
           R"(Value":)" + json + "}}";
  };
  const auto diff = [](const std::string& diffs) {
    return R"({"fieldDiffs":[)" + diffs + "]}";
  };
  const auto element = [](int number, int index, const std::string& json) {
    return R"({"fieldNumber":)" + std::to_string(number) + R"(,"updateRepeated":{"newLength":)" +
           std::to_string(index + 1) + R"(,"updateValues":[{"messageValue":)" + json +
           R"(}],"updateIndices":[)" + std::to_string(index) + "]}}";
  };
  const auto trajectory = [&](const std::string& diffs) {
    return value(2, "message", diff(diffs));
  };
  const std::string input = diff(value(1, "enum", "14") + "," + value(4, "enum", "3") + "," +
                                 value(19, "message", diff(value(2, "string", R"("q")"))));
  const std::string growing =
      diff(value(1, "enum", "15") + "," + value(4, "enum", "8") + "," +
           value(20, "message",
                 diff(value(1, "string", R"("he")") + "," + value(8, "string", R"("he")"))));
  const std::string whole = diff(
      value(4, "enum", "3") + "," +
      value(
          5, "message",
          diff(value(9, "message",
                     diff(value(2, "uint64", R"("12")") + "," + value(11, "string", R"("R1")"))))) +
      "," +
      value(20, "message",
            diff(value(1, "string", R"("hello")") + "," + value(8, "string", R"("hello")") + "," +
                 value(3, "string", R"("hm")") + "," + value(12, "enum", "2"))));
  const std::string generation =
      diff(value(1, "message",
                 diff(value(4, "message", diff(value(11, "string", R"("R1")"))) + "," +
                      value(19, "string", R"("gemini-9")"))) +
           "," +
           R"({"fieldNumber":2,"updateRepeated":{"newLength":1,"updateValues":[{"uint32Value":1}],)"
           R"("updateIndices":[0]}})");
  return {look(value(1, "string", R"("C")") + "," + trajectory(value(1, "string", R"("T")")) + "," +
               idle),
          look(trajectory(element(2, 0, input)) + "," + running),
          look(trajectory(element(2, 1, growing))), look(idle),
          look(trajectory(element(2, 1, whole) + "," + element(3, 0, generation)) + "," +
               value(4, "message", diff(value(1, "enum", "4") + "," + value(3, "int32", "1"))))};
}

std::vector<std::vector<TurnEvent>> told(LiveSource source, const Looks& looks) {
  TurnFollower::TimePoint now{seconds(100)};
  TurnFollower follower(0, {}, now);
  const auto reader = make_live_reader(source, 0);
  std::vector<std::vector<TurnEvent>> out;
  for (const std::string& look : looks) {
    EXPECT_TRUE(reader->feed(look)) << look;
    follower.observe(reader->state(), true, now += milliseconds(100));
    out.emplace_back();
    while (auto event = follower.next_event()) {
      out.back().push_back(std::move(*event));
    }
  }
  EXPECT_EQ(follower.result().text, "hello");
  EXPECT_EQ(follower.result().trajectory_id, "T");
  EXPECT_EQ(follower.result().model, "gemini-9");
  return out;
}

TEST(TurnEvents, AreTheSameWhicheverWayATurnIsWatched) {
  const std::vector<std::vector<TurnEvent>> expected = {
      {RunStatusChanged{"IDLE"}},
      {RunStatusChanged{"RUNNING"}, StepChanged{0, "USER_INPUT", "DONE", true}},
      {StepChanged{1, "PLANNER_RESPONSE", "GENERATING", true}, TextGrown{"he"}},
      {RunStatusChanged{"IDLE"}},
      {StepChanged{1, "PLANNER_RESPONSE", "DONE", false}, ResponseNamed{{"R1", 1}},
       TextGrown{"llo"}, TurnDone{"stop"}}};
  EXPECT_EQ(told(LiveSource::poll, polled()), expected);
  EXPECT_EQ(told(LiveSource::agent_state, of_agent_state(false)), expected);
  EXPECT_EQ(told(LiveSource::agent_state, of_agent_state(true)), expected);
  EXPECT_EQ(told(LiveSource::reactive, of_reactive()), expected);
}

TEST(TurnEvents, AFollowerGoesOnWhenTheWayChanges) {
  TurnFollower::TimePoint now{seconds(100)};
  TurnFollower follower(0, {}, now);
  AgentStateReader stream(0);
  const auto looks = of_agent_state(false);
  for (std::size_t i = 0; i < 3; ++i) {  // then it is cut off
    ASSERT_TRUE(stream.feed(looks[i]));
    follower.observe(stream.state(), true, now);
  }
  while (follower.next_event()) {
  }
  TrajectoryReader poll(0);
  ASSERT_TRUE(poll.feed(polled().back()));
  follower.observe(poll.state(), poll.is_news(), now);
  std::vector<TurnEvent> rest;
  while (auto event = follower.next_event()) {
    rest.push_back(std::move(*event));
  }
  EXPECT_EQ(rest, (std::vector<TurnEvent>{
                      RunStatusChanged{"IDLE"}, StepChanged{1, "PLANNER_RESPONSE", "DONE", false},
                      ResponseNamed{{"R1", 1}}, TextGrown{"llo"}, TurnDone{"stop"}}));
}

}  // namespace
}  // namespace agp::ls
