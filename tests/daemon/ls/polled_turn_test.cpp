// End of turn and answer as GetCascadeTrajectory shows them, poll by poll: reader and follower
// together.

#include "daemon/ls/errors.h"
#include "daemon/ls/trajectory_reader.h"
#include "daemon/ls/turn_follower.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
enum class Verdict { again, done, failed };

std::string step(const std::string& type, const std::string& status, const std::string& rest = "") {
  return R"({"type":"CORTEX_STEP_TYPE_)" + type + R"(","status":"CORTEX_STEP_STATUS_)" + status +
         "\"" + (rest.empty() ? "" : "," + rest) + "}";
}

std::string planner(const std::string& status, const std::string& fields) {
  return step("PLANNER_RESPONSE", status, R"("plannerResponse":{)" + fields + "}");
}

const std::string kInput = step("USER_INPUT", "DONE", R"("userInput":{"userResponse":"hi"})");

std::string trajectory(const std::string& run,
                       std::initializer_list<std::string> steps,
                       const std::string& extra = "") {
  std::string list;
  for (const auto& one : steps) {
    list += (list.empty() ? "" : ",") + one;
  }
  return R"({"trajectory":{"trajectoryId":"T","cascadeId":"C","steps":[)" + list + "]" + extra +
         R"(},"status":"CASCADE_RUN_STATUS_)" + run + R"(","numTotalSteps":)" +
         std::to_string(steps.size()) + "}";
}

class PolledTurn {
 public:
  PolledTurn(std::size_t baseline, TurnFollower::TimePoint now)
      : reader_(baseline), follower_(baseline, {}, now) {}

  Verdict feed(const std::string& json, TurnFollower::TimePoint now) {
    if (auto fed = reader_.feed(json); !fed) {
      follower_.fail(fed.error());
    } else {
      follower_.observe(reader_.state(), reader_.is_news(), now);
    }
    if (!follower_.is_over()) {
      return Verdict::again;
    }
    return follower_.is_done() ? Verdict::done : Verdict::failed;
  }
  const TurnResult& result() const { return follower_.result(); }
  const std::vector<NamedResponse>& responses() const { return follower_.responses(); }
  const Error& error() const { return follower_.error(); }

 private:
  TrajectoryReader reader_;
  TurnFollower follower_;
};

class PolledTurnTest : public ::testing::Test {
 protected:
  Verdict feed(const std::string& json, milliseconds later = milliseconds(300)) {
    now += later;
    return turn.feed(json, now);
  }

  TurnFollower::TimePoint now{seconds(100)};
  PolledTurn turn{0, now};
};

TEST_F(PolledTurnTest, FollowsASimpleTurnToItsAnswer) {
  EXPECT_EQ(feed(trajectory("IDLE", {})), Verdict::again);
  EXPECT_EQ(feed(trajectory("RUNNING", {kInput})), Verdict::again);
  EXPECT_EQ(feed(trajectory("RUNNING", {kInput, planner("GENERATING", R"("response":"he")")})),
            Verdict::again);
  EXPECT_EQ(feed(trajectory("IDLE", {kInput, planner("DONE", R"("response":"hello","stopReason":)"
                                                             R"("STOP_REASON_STOP_PATTERN")")})),
            Verdict::done);
  EXPECT_EQ(turn.result().text, "hello");
  EXPECT_EQ(turn.result().trajectory_id, "T");
  EXPECT_EQ(turn.result().stop_reason, "stop");
}

TEST_F(PolledTurnTest, DoesNotTakeIdleBeforeTheRunForItsEnd) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(feed(trajectory("IDLE", {kInput})), Verdict::again);
  }
}

TEST_F(PolledTurnTest, GivesUpWhenNothingEverStarts) {
  EXPECT_EQ(feed(trajectory("IDLE", {kInput}), seconds(29)), Verdict::again);
  EXPECT_EQ(feed(trajectory("IDLE", {kInput}), seconds(2)), Verdict::failed);
  EXPECT_EQ(turn.error().code, Errc::no_answer);
}

TEST_F(PolledTurnTest, WaitsForTheLastTextAfterIdle) {
  const auto half = trajectory("IDLE", {kInput, planner("GENERATING", R"("response":"he")")});
  EXPECT_EQ(feed(half), Verdict::again);
  EXPECT_EQ(feed(half), Verdict::again);
  EXPECT_EQ(feed(trajectory("IDLE", {kInput, planner("DONE", R"("response":"hello")")})),
            Verdict::done);
  EXPECT_EQ(turn.result().text, "hello");
}

TEST_F(PolledTurnTest, TakesWhatIsThereAfterTheGraceAndSaysSo) {
  const auto half = trajectory("IDLE", {kInput, planner("GENERATING", R"("response":"he")")});
  EXPECT_EQ(feed(half), Verdict::again);
  EXPECT_EQ(feed(half, seconds(6)), Verdict::done);
  EXPECT_EQ(turn.result().text, "he");
  EXPECT_EQ(turn.result().stop_reason, "incomplete");
}

TEST_F(PolledTurnTest, WaitsForStepsThatAreCountedButNotThere) {
  EXPECT_EQ(
      feed(R"({"trajectory":{"steps":[)" + kInput + "," + planner("DONE", R"("response":"a")") +
           R"(]},"status":"CASCADE_RUN_STATUS_IDLE","numTotalSteps":3})"),
      Verdict::again);
}

TEST_F(PolledTurnTest, PrefersTheModifiedResponse) {
  EXPECT_EQ(
      feed(trajectory("IDLE",
                      {kInput, planner("DONE", R"("response":"raw","modifiedResponse":"nice")")})),
      Verdict::done);
  EXPECT_EQ(turn.result().text, "nice");
}

TEST_F(PolledTurnTest, LeavesOutWhatWasSaidBeforeATool) {
  const auto calling = planner("DONE", R"("response":"let me look","toolCalls":[{"id":"1"}])");
  EXPECT_EQ(feed(trajectory("RUNNING", {kInput, calling, step("VIEW_FILE", "RUNNING")})),
            Verdict::again);
  EXPECT_EQ(feed(trajectory(
                "IDLE", {kInput, calling, step("VIEW_FILE", "DONE"),
                         planner("DONE", R"("response":"found")"), step("CHECKPOINT", "DONE")})),
            Verdict::done);
  EXPECT_EQ(turn.result().text, "found");
}

TEST_F(PolledTurnTest, FindsTheAnswerOfAgenticModeInNotifyUser) {
  EXPECT_EQ(feed(trajectory("IDLE",
                            {kInput, step("NOTIFY_USER", "DONE",
                                          R"("notifyUser":{"notificationContent":"all done"})")})),
            Verdict::done);
  EXPECT_EQ(turn.result().text, "all done");
}

TEST_F(PolledTurnTest, ReportsTheFriendlyErrorAndNothingElse) {
  const auto error =
      step("ERROR_MESSAGE", "DONE",
           R"("errorMessage":{"error":{"userErrorMessage":"quota reached","fullError":"secret"}})");
  EXPECT_EQ(feed(trajectory("IDLE", {kInput, error})), Verdict::failed);
  EXPECT_EQ(turn.error().code, Errc::model_failed);
  EXPECT_EQ(turn.error().context, "quota reached");
}

TEST_F(PolledTurnTest, AnErrorThatWasRetriedIsNone) {
  const auto error = step("ERROR_MESSAGE", "DONE", R"("errorMessage":{})");
  EXPECT_EQ(feed(trajectory("RUNNING", {kInput, error})), Verdict::again);
  EXPECT_EQ(feed(trajectory("IDLE", {kInput, error, planner("DONE", R"("response":"ok")")})),
            Verdict::done);
}

TEST_F(PolledTurnTest, FailsWhenTheStreamBrokeOff) {
  EXPECT_EQ(
      feed(trajectory("IDLE", {kInput, planner("DONE", R"("response":"x","stopReason":)"
                                                       R"("STOP_REASON_CLIENT_STREAM_ERROR")")})),
      Verdict::failed);
  EXPECT_EQ(turn.error().code, Errc::model_failed);
}

TEST_F(PolledTurnTest, FailsWhenAToolWaitsForTheUser) {
  EXPECT_EQ(feed(trajectory("RUNNING", {kInput, planner("DONE", R"("toolCalls":[{}])"),
                                        step("RUN_COMMAND", "WAITING")})),
            Verdict::failed);
  EXPECT_EQ(turn.error().code, Errc::needs_user);
  EXPECT_NE(turn.error().context.find("RUN_COMMAND"), std::string::npos);
}

TEST_F(PolledTurnTest, ReportsATurnStoppedElsewhere) {
  EXPECT_EQ(feed(trajectory("IDLE", {kInput, planner("CANCELED", R"("response":"h")")})),
            Verdict::failed);
  EXPECT_EQ(turn.error().code, Errc::canceled);
}

TEST_F(PolledTurnTest, IgnoresTheStepsOfEarlierTurns) {
  turn = PolledTurn(2, now);
  const auto old = planner("DONE", R"("response":"old")");
  EXPECT_EQ(feed(trajectory("IDLE", {kInput, old})), Verdict::again);
  EXPECT_EQ(feed(trajectory("IDLE", {kInput, old, kInput})), Verdict::again);
  EXPECT_EQ(feed(trajectory("IDLE", {kInput, old, kInput, planner("DONE", R"("response":"new")")})),
            Verdict::done);
  EXPECT_EQ(turn.result().text, "new");
}

TEST_F(PolledTurnTest, GivesUpOnlyWhenNothingChanges) {
  for (int i = 0; i < 10; ++i) {
    const auto text = R"("response":")" + std::string(static_cast<std::size_t>(i), 'x') + "\"";
    ASSERT_EQ(feed(trajectory("RUNNING", {kInput, planner("GENERATING", text)}), seconds(200)),
              Verdict::again);
  }
  const auto still = trajectory("RUNNING", {kInput, planner("GENERATING", R"("response":"y")")});
  EXPECT_EQ(feed(still), Verdict::again);
  EXPECT_EQ(feed(still, seconds(301)), Verdict::failed);
  EXPECT_EQ(turn.error().code, Errc::stalled);
}

TEST_F(PolledTurnTest, FailsCleanlyOnEveryCutOfAnAnswer) {
  const auto whole = trajectory("RUNNING", {kInput, planner("GENERATING", R"("response":"y")")});
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    PolledTurn one(0, now);
    ASSERT_EQ(one.feed(whole.substr(0, cut), now), Verdict::failed) << cut;
    ASSERT_EQ(one.error().code, Errc::bad_answer);
  }
}

TEST_F(PolledTurnTest, KeepsTheRealModelNameAndTheReasonToStop) {
  EXPECT_EQ(
      feed(trajectory("IDLE",
                      {kInput, planner("DONE", R"("response":"x","stopReason":)"
                                               R"("STOP_REASON_MAX_TOKENS")")},
                      R"(,"generatorMetadata":[{"chatModel":{"responseModel":"gemini-9"}}])")),
      Verdict::done);
  EXPECT_EQ(turn.result().model, "gemini-9");
  EXPECT_EQ(turn.result().stop_reason, "max_tokens");
}

std::string answered(const std::string& response_id) {
  return step("PLANNER_RESPONSE", "DONE",
              R"("plannerResponse":{"response":"x"},"metadata":{"modelUsage":{"responseId":")" +
                  response_id + R"("}})");
}

TEST_F(PolledTurnTest, NamesEachResponseOfTheTurnOnce) {
  const std::string generations =
      R"(,"generatorMetadata":[)"
      R"({"stepIndices":[1],"chatModel":{"usage":{"responseId":"r1"},"retryInfos":[)"
      R"({"usage":{"responseId":"r0"}},{"usage":{"responseId":"r1"}},{},7]}},)"
      R"({"stepIndices":[2],"chatModel":{"usage":{"responseId":"r2"}}},)"
      R"({"chatModel":{"usage":{"responseId":"of-no-step"}}},7,{"stepIndices":[]}])";
  (void)feed(trajectory("RUNNING", {kInput, answered("r1")}, generations));
  (void)feed(trajectory("RUNNING", {kInput, answered("r1")}, generations));
  EXPECT_EQ(turn.responses(), (std::vector<NamedResponse>{{"r1", 1}, {"r0", 1}, {"r2", 2}}));
}

TEST_F(PolledTurnTest, NamesNoResponsesOfEarlierTurns) {
  PolledTurn later(2, now);
  (void)later.feed(
      trajectory(
          "RUNNING", {kInput, answered("old"), kInput, answered("new")},
          R"(,"generatorMetadata":[{"stepIndices":[1],"chatModel":{"usage":{"responseId":"old"}}}])"),
      now);
  EXPECT_EQ(later.responses(), (std::vector<NamedResponse>{{"new", 3}}));
}

TEST_F(PolledTurnTest, TheNumberOfResponsesHasALimit) {
  std::string generations = R"(,"generatorMetadata":[)";
  for (int i = 0; i < 1'200; ++i) {
    generations += (i == 0 ? "" : ",") +
                   std::string(R"({"stepIndices":[1],"chatModel":{"usage":)") +
                   R"({"responseId":"r)" + std::to_string(i) + R"("}}})";
  }
  (void)feed(trajectory("RUNNING", {kInput}, generations + "]"));
  EXPECT_EQ(turn.responses().size(), 1'000U);
}

}  // namespace
}  // namespace agp::ls
