#include "daemon/usage/interactions_reader.h"

#include "tests/daemon/usage/support.h"

#include <map>

#include <gtest/gtest.h>

namespace agp::usage::test {
namespace {

using Counters = std::map<std::string, std::uint64_t>;

const std::string kUsage =
    R"({"total_input_tokens":120,"total_cached_tokens":100,"total_output_tokens":35,"total_thought_tokens":4,"total_tool_use_tokens":7,"total_tokens":166,"input_tokens_by_modality":[{"modality":"text","tokens":120}],"grounding_tool_count":[{"type":"google_search","count":3}]})";

std::string completed(const std::string& usage) {
  return event(
      R"({"event_type":"interaction.completed","interaction":{"id":"int_1","model":"gemini-3-pro","status":"completed","usage":)" +
      usage + "}}");
}

TEST(InteractionsReader, MapsEveryField) {
  const std::string created = event(
      R"({"event_type":"interaction.created","interaction":{"id":"int_1","model":"gemini-3-pro","status":"in_progress"}})");
  const std::string step = event(
      R"({"event_type":"step.start","index":0,"step":{"type":"function_call","name":"f","arguments":{"name":"no"}}})");
  const Record record = read(Wire::interactions, created + step + completed(kUsage));
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(record.usage->input_total, 127u);
  EXPECT_EQ(record.usage->input_uncached, 27u);
  EXPECT_EQ(record.usage->tool_use_prompt, 7u);
  EXPECT_EQ(record.usage->output_total, 39u);
  EXPECT_EQ(record.usage->reasoning, 4u);
  EXPECT_EQ(record.usage->reported_total, 166u);
  EXPECT_EQ(record.usage->input_by_modality, (ModalityCounts{{"text", 120}}));
  EXPECT_EQ(record.server_tools, (Counters{{"google_search", 3}}));
  EXPECT_EQ(record.reported.at("grounding_tool_count.google_search"), 3u);
  EXPECT_EQ(record.tool_calls, std::vector<std::string>{"f"});
  EXPECT_EQ(record.finish, Finish::tool_use);
  EXPECT_EQ(record.response_id, "int_1");
  EXPECT_EQ(record.model, "gemini-3-pro");
  EXPECT_EQ(record.usage_state, UsageState::final);
  EXPECT_EQ(record.flags, Flags());
  const Record cut = read(Wire::interactions, created + step);
  EXPECT_EQ(cut.outcome, Outcome::partial);
  EXPECT_FALSE(cut.usage);
}

TEST(InteractionsReader, MapsHowAnInteractionEnded) {
  const std::map<std::string, Finish> cases = {
      {"completed", Finish::stop},      {"requires_action", Finish::tool_use},
      {"incomplete", Finish::length},   {"budget_exceeded", Finish::length},
      {"cancelled", Finish::cancelled}, {"new", Finish::other}};
  for (const auto& [status, finish] : cases) {
    const Record record =
        read(Wire::interactions,
             R"({"id":"i","status":")" + status + R"(","usage":)" + kUsage + "}", kJson);
    EXPECT_EQ(record.finish, finish) << status;
    EXPECT_EQ(record.outcome, Outcome::ok);
  }
  const Record running = read(Wire::interactions, R"({"id":"i","status":"in_progress"})", kJson);
  EXPECT_EQ(running.outcome, Outcome::partial);
  EXPECT_FALSE(running.finish);
}

TEST(InteractionsReader, ErrorsInAndOutOfTheStream) {
  EXPECT_EQ(read(Wire::interactions,
                 event(R"({"event_type":"error","error":{"code":"internal","message":"m"}})"))
                .error,
            (CallError{"internal", "internal"}));
  EXPECT_EQ(read(Wire::interactions, R"({"error":{"code":404,"status":"NOT_FOUND"}})", kJson).error,
            (CallError{"NOT_FOUND", "404"}));
  EXPECT_EQ(read(Wire::interactions, R"({"id":"i","status":"failed"})", kJson).outcome,
            Outcome::error);
}

}  // namespace
}  // namespace agp::usage::test
