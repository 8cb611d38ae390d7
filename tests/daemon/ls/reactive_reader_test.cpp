#include "daemon/ls/reactive_reader.h"

#include "daemon/ls/errors.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

std::string fields(std::initializer_list<std::string> diffs) {
  std::string out;
  for (const auto& one : diffs) {
    out += (out.empty() ? "" : ",") + one;
  }
  return R"({"fieldDiffs":[)" + out + "]}";
}
std::string singular(int number, const std::string& value) {
  return R"({"fieldNumber":)" + std::to_string(number) + R"(,"updateSingular":{)" + value + "}}";
}
std::string text(int number, const std::string& value) {
  return singular(number, R"("stringValue":")" + value + "\"");
}
std::string enumeration(int number, int value) {
  return singular(number, R"("enumValue":)" + std::to_string(value));
}
std::string message(int number, const std::string& diff) {
  return singular(number, R"("messageValue":)" + diff);
}
std::string clear(int number) {
  return R"({"fieldNumber":)" + std::to_string(number) + R"(,"clear":true})";
}
std::string list(int number, const std::string& length, const std::string& rest) {
  return R"({"fieldNumber":)" + std::to_string(number) + R"(,"updateRepeated":{)" +
         (length.empty() ? "" : R"("newLength":)" + length + (rest.empty() ? "" : ",")) + rest +
         "}}";
}
std::string element(int index, const std::string& diff) {
  return R"("updateValues":[{"messageValue":)" + diff + R"(}],"updateIndices":[)" +
         std::to_string(index) + "]";
}
std::string frame(const std::string& diff) {
  return R"({"version":"1","diff":)" + diff + "}";
}
std::string step_frame(const std::string& length, int index, const std::string& diff) {
  return frame(fields({message(2, fields({list(2, length, element(index, diff))}))}));
}

const std::string kPlanner = fields({enumeration(1, 15), enumeration(4, 8)});

TEST(ReactiveReader, TheFirstDiffLeadsFromNothingToTheState) {
  ReactiveReader reader(0);
  const std::string planner = fields(
      {enumeration(1, 15), enumeration(4, 3),
       message(5, fields({message(9, fields({text(11, "R")}))})),
       message(20, fields({text(1, "raw"), text(3, "hm"), text(8, "nice"), enumeration(12, 2)}))});
  const std::string generation =
      fields({message(1, fields({enumeration(3, 1018), message(4, fields({text(11, "R")})),
                                 text(19, "gemini-9")})),
              list(2, "1", R"("updateValues":[{"uint32Value":0}],"updateIndices":[0])")});
  ASSERT_TRUE(reader.feed(
      frame(fields({text(1, "C"),
                    message(2, fields({text(1, "T"), list(2, "1", element(0, planner)),
                                       list(3, "1", element(0, generation)), text(6, "C")})),
                    enumeration(3, 1),
                    message(4, fields({enumeration(1, 4), singular(3, R"("int32Value":0)")}))}))));
  const LiveState& state = reader.state();
  EXPECT_EQ(state.trajectory_id, "T");
  EXPECT_EQ(state.run_status, "IDLE");
  ASSERT_EQ(state.steps.size(), 1U);
  EXPECT_EQ(state.steps[0].type, "PLANNER_RESPONSE");
  EXPECT_EQ(state.steps[0].status, "DONE");
  EXPECT_EQ(state.steps[0].text, "nice");
  EXPECT_EQ(state.steps[0].stop_reason, "STOP_PATTERN");
  EXPECT_EQ(state.steps[0].response_id, "R");
  EXPECT_EQ(state.generations.at(0).model, "gemini-9");
  EXPECT_EQ(state.generations.at(0).step_index, 0U);
  EXPECT_EQ(state.end.reason, "NO_TOOL_CALL");
  EXPECT_EQ(state.end.last_step_index, 0U);
}

TEST(ReactiveReader, ADiffOfAnElementChangesOnlyWhatItNames) {
  ReactiveReader reader(0);
  ASSERT_TRUE(reader.feed(step_frame("1", 0, kPlanner)));
  ASSERT_TRUE(reader.feed(step_frame("1", 0, fields({message(20, fields({text(8, "he")}))}))));
  ASSERT_TRUE(reader.feed(step_frame("1", 0, fields({enumeration(4, 3)}))));
  ASSERT_EQ(reader.state().steps.size(), 1U);
  EXPECT_EQ(reader.state().steps[0].text, "he");
  EXPECT_EQ(reader.state().steps[0].type, "PLANNER_RESPONSE");
  EXPECT_EQ(reader.state().steps[0].status, "DONE");
}

TEST(ReactiveReader, ClearsFieldsAndCutsLists) {
  ReactiveReader reader(0);
  ASSERT_TRUE(reader.feed(step_frame("1", 0, kPlanner)));
  ASSERT_TRUE(reader.feed(
      step_frame("2", 1, fields({message(20, fields({text(8, "nice"), text(1, "raw")}))}))));
  ASSERT_TRUE(reader.feed(
      step_frame("2", 1, fields({enumeration(1, 15), message(20, fields({clear(8)}))}))));
  EXPECT_EQ(reader.state().steps[1].text, "raw");
  ASSERT_TRUE(reader.feed(frame(fields({message(2, fields({list(2, "1", "")}))}))));
  EXPECT_EQ(reader.state().steps.size(), 1U);
  ASSERT_TRUE(reader.feed(frame(fields({clear(2)}))));
  EXPECT_TRUE(reader.state().steps.empty());
}

TEST(ReactiveReader, SeesToolCallsAndStepsThatAreMissing) {
  ReactiveReader reader(0);
  ASSERT_TRUE(reader.feed(step_frame(
      "2", 1,
      fields({enumeration(1, 15),
              message(20, fields({list(7, "1", element(0, fields({text(1, "id")})))}))}))));
  EXPECT_TRUE(reader.state().steps[1].wants_tools);
  EXPECT_FALSE(reader.state().is_complete);
  ASSERT_TRUE(reader.feed(step_frame("2", 0, fields({enumeration(1, 14)}))));
  EXPECT_TRUE(reader.state().is_complete);
}

TEST(ReactiveReader, SkipsFieldsItDoesNotNeedHoweverDeep) {
  std::string deep = fields({text(1, "x")});
  for (int i = 0; i < 30; ++i) {
    deep = fields({message(2, deep)});
  }
  ReactiveReader reader(0);
  ASSERT_TRUE(reader.feed(step_frame("1", 0, fields({enumeration(1, 14), message(19, deep)}))));
  EXPECT_EQ(reader.state().steps.at(0).type, "USER_INPUT");
}

TEST(ReactiveReader, RefusesWhatDoesNotFitTogether) {
  const std::string lonely = R"("updateValues":[{"messageValue":{}}])";
  for (const std::string& wrong :
       {frame(fields({message(2, fields({list(2, "1", lonely)}))})), frame(R"({"fieldDiffs":[7]})"),
        std::string("[]"), std::string("{"),
        frame(fields(
            {message(2, fields({list(2, "1", R"("updateValues":[7],"updateIndices":[0])")}))}))}) {
    ReactiveReader reader(0);
    EXPECT_EQ(reader.feed(wrong).error().code, Errc::bad_answer) << wrong;
  }
}

TEST(ReactiveReader, RefusesPositionsBeyondAllMeasure) {
  for (const std::string& wrong :
       {step_frame("", 100'000, kPlanner), step_frame("100001", 0, kPlanner)}) {
    ReactiveReader reader(0);
    EXPECT_EQ(reader.feed(wrong).error().code, Errc::too_large) << wrong;
  }
}

}  // namespace
}  // namespace agp::ls
