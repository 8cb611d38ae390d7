#include "daemon/usage/anthropic_reader.h"

#include "tests/daemon/usage/support.h"

#include <map>

#include <gtest/gtest.h>

namespace agp::usage::test {
namespace {

using Counters = std::map<std::string, std::uint64_t>;

/// As section 2.3.1 of wire-formats shows it.
const std::string kStart = named(
    "message_start",
    R"({"type":"message_start","message":{"model":"claude-sonnet-4-6","id":"msg_01Ab","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":9000,"cache_creation":{"ephemeral_5m_input_tokens":300,"ephemeral_1h_input_tokens":0},"output_tokens":3,"service_tier":"standard","speed":"fast","inference_geo":"us"}}})");
const std::string kTool =
    named(
        "content_block_start",
        R"({"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_01","name":"Read","input":{}}})") +
    named(
        "content_block_start",
        R"({"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","name":"web_search"}})") +
    named("ping", R"({"type": "ping"})") +
    named(
        "content_block_delta",
        R"({"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"path\":"}})");
const std::string kDelta = named(
    "message_delta",
    R"({"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":9000,"output_tokens":57,"output_tokens_details":{"thinking_tokens":40},"server_tool_use":{"web_search_requests":2,"web_fetch_requests":0}}})");
const std::string kStop = named("message_stop", R"({"type":"message_stop"})");

TEST(AnthropicReader, MapsEveryField) {
  const Record record = read(Wire::anthropic, kStart + kTool + kDelta + kStop);
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(record.usage->input_total, 9312u);
  EXPECT_EQ(record.usage->input_uncached, 12u);
  EXPECT_EQ(record.usage->cached_input, 9000u);
  EXPECT_EQ(record.usage->cache_write, 300u);
  EXPECT_EQ(record.usage->cache_write_by_ttl, (Counters{{"5m", 300}}));
  EXPECT_EQ(record.usage->output_total, 57u);
  EXPECT_EQ(record.usage->reasoning, 40u);
  EXPECT_EQ(record.usage->total, 9369u);
  EXPECT_FALSE(record.usage->reported_total);
  EXPECT_EQ(record.model, "claude-sonnet-4-6");
  EXPECT_EQ(record.response_id, "msg_01Ab");
  EXPECT_EQ(record.service_tier, "standard");
  EXPECT_EQ(record.modifiers, (Modifiers{"fast", "us"}));
  EXPECT_EQ(record.tool_calls, std::vector<std::string>{"Read"});
  EXPECT_EQ(record.server_tools, (Counters{{"web_search", 2}}));
  EXPECT_EQ(record.finish, Finish::tool_use);
  EXPECT_EQ(record.finish_raw, "tool_use");
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_EQ(record.usage_state, UsageState::final);
  EXPECT_EQ(record.flags, Flags());
  EXPECT_EQ(record.reported, (Counters{{"input_tokens", 12},
                                       {"cache_read_input_tokens", 9000},
                                       {"cache_creation_input_tokens", 300},
                                       {"cache_creation.ephemeral_5m_input_tokens", 300},
                                       {"cache_creation.ephemeral_1h_input_tokens", 0},
                                       {"output_tokens", 57},
                                       {"output_tokens_details.thinking_tokens", 40},
                                       {"server_tool_use.web_search_requests", 2},
                                       {"server_tool_use.web_fetch_requests", 0}}));
}

TEST(AnthropicReader, ThePlaceholderOfTheStartIsNoLastWord) {
  const Record started = read(Wire::anthropic, kStart);
  EXPECT_EQ(started.outcome, Outcome::partial);
  EXPECT_EQ(started.usage_state, UsageState::provisional);
  EXPECT_EQ(started.usage->output_total, 3u);
  EXPECT_EQ(read(Wire::anthropic, kStart + kStop).usage_state, UsageState::provisional);
}

TEST(AnthropicReader, TheTypeOfTheDataCountsAndTheNameOfTheEventIfThereIsNone) {
  const std::string data = R"("delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":5}})";
  const Record typed = read(Wire::anthropic, named("ping", R"({"type":"message_delta",)" + data));
  EXPECT_EQ(typed.usage->output_total, 5u);
  EXPECT_EQ(typed.finish, Finish::length);
  const Record by_name = read(Wire::anthropic, named("message_delta", "{" + data));
  EXPECT_EQ(by_name.usage, typed.usage);
  EXPECT_FALSE(read(Wire::anthropic, event("{" + data)).usage);
  EXPECT_FALSE(read(Wire::anthropic, named("message_delta", R"({"type":"new",)" + data)).usage);
}

TEST(AnthropicReader, OnlyTheDeltaMayCarryTheInput) {
  const Record record =
      read(Wire::anthropic,
           named("message_start", R"({"type":"message_start","message":{"id":"m","usage":null}})") +
               kDelta + kStop);
  EXPECT_EQ(record.usage->input_total, 9312u);
  EXPECT_FALSE(record.usage->cache_write_by_ttl);
}

TEST(AnthropicReader, WritesWithoutATotalAreTheSumOfTheirSplit) {
  const Record record = read(
      Wire::anthropic,
      R"({"type":"message","stop_reason":"end_turn","usage":{"input_tokens":1,"cache_creation":{"ephemeral_5m_input_tokens":30,"ephemeral_1h_input_tokens":50},"output_tokens":1}})",
      kJson);
  EXPECT_EQ(record.usage->cache_write, 80u);
  EXPECT_EQ(record.usage->input_total, 81u);
  EXPECT_EQ(record.flags, Flags{});
}

TEST(AnthropicReader, MapsHowAMessageEnded) {
  const std::map<std::string, Finish> cases = {{"end_turn", Finish::stop},
                                               {"stop_sequence", Finish::stop},
                                               {"tool_use", Finish::tool_use},
                                               {"max_tokens", Finish::length},
                                               {"model_context_window_exceeded", Finish::length},
                                               {"refusal", Finish::content_filter},
                                               {"pause_turn", Finish::pause},
                                               {"compaction", Finish::pause},
                                               {"new_reason", Finish::other}};
  for (const auto& [raw, finish] : cases) {
    const Record record = read(
        Wire::anthropic, R"({"type":"message","stop_reason":")" + raw + R"(","usage":{}})", kJson);
    EXPECT_EQ(record.finish, finish) << raw;
    EXPECT_EQ(record.finish_raw, raw);
    EXPECT_EQ(record.outcome, Outcome::ok);
  }
}

TEST(AnthropicReader, ErrorsOutOfBand) {
  Exchange exchange;
  exchange.wire = Wire::anthropic;
  exchange.status = 429;
  exchange.type = kJson;
  exchange.body =
      R"({"type":"error","error":{"type":"rate_limit_error","message":"secret"},"request_id":"req_9"})";
  const Record record = read(exchange);
  EXPECT_EQ(record.error, (CallError{"rate_limit_error", ""}));
  EXPECT_EQ(record.request_id, "req_9");
  EXPECT_EQ(record.usage_state, UsageState::none);
}

TEST(AnthropicReader, IterationsHaveALimit) {
  std::string iterations = "[";
  for (std::size_t i = 0; i < kMaxAdditionalUsage + 9; ++i) {
    iterations += R"({"type":"compaction","input_tokens":1},)";
  }
  const Record record =
      read(Wire::anthropic,
           R"({"type":"message","usage":{"iterations":)" + iterations + R"({"type":"message"}]}})",
           kJson);
  EXPECT_EQ(record.additional_usage.size(), kMaxAdditionalUsage);
}

}  // namespace
}  // namespace agp::usage::test
