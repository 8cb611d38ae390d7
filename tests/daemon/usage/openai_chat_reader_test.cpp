#include "daemon/usage/openai_chat_reader.h"

#include "tests/daemon/usage/support.h"

#include <map>

#include <gtest/gtest.h>

namespace agp::usage::test {
namespace {

using Counters = std::map<std::string, std::uint64_t>;

const std::string kUsage =
    R"({"prompt_tokens":50,"completion_tokens":70,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":32,"audio_tokens":4},"completion_tokens_details":{"reasoning_tokens":64,"rejected_prediction_tokens":2}})";

std::string chunk(const std::string& choices, const std::string& usage) {
  return event(
      R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,"model":"gpt-5.1-2025-11-13","service_tier":"Default","choices":[)" +
      choices + R"(],"usage":)" + usage + R"(,"obfuscation":"x9"})");
}

const std::string kRole =
    chunk(R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null})", "null");
const std::string kStop = chunk(R"({"index":0,"delta":{},"finish_reason":"stop"})", "null");
const std::string kDone = "data: [DONE]\n\n";

TEST(OpenAiChatReader, MapsEveryFieldOfAStream) {
  const Record record = read(Wire::openai_chat, kRole + kStop + chunk("", kUsage) + kDone);
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(record.usage->input_total, 50u);
  EXPECT_EQ(record.usage->cached_input, 32u);
  EXPECT_EQ(record.usage->input_uncached, 18u);
  EXPECT_EQ(record.usage->cache_write, 0u);
  EXPECT_FALSE(record.usage->cache_write_by_ttl);
  EXPECT_EQ(record.usage->output_total, 70u);
  EXPECT_EQ(record.usage->reasoning, 64u);
  EXPECT_EQ(record.usage->reported_total, 120u);
  EXPECT_EQ(record.usage->input_by_modality, (ModalityCounts{{"audio", 4}}));
  EXPECT_EQ(record.model, "gpt-5.1-2025-11-13");
  EXPECT_EQ(record.response_id, "chatcmpl-1");
  EXPECT_EQ(record.service_tier, "default");
  EXPECT_EQ(record.finish, Finish::stop);
  EXPECT_EQ(record.usage_state, UsageState::final);
  EXPECT_EQ(record.flags, Flags());
  EXPECT_EQ(record.reported,
            (Counters{{"prompt_tokens", 50},
                      {"completion_tokens", 70},
                      {"total_tokens", 120},
                      {"prompt_tokens_details.cached_tokens", 32},
                      {"prompt_tokens_details.audio_tokens", 4},
                      {"completion_tokens_details.reasoning_tokens", 64},
                      {"completion_tokens_details.rejected_prediction_tokens", 2}}));
}

TEST(OpenAiChatReader, ReasoningThatWasNotStatedIsNotZero) {
  const Record record =
      read(Wire::openai_chat, R"({"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}})",
           kJson);
  EXPECT_FALSE(record.usage->reasoning);
}

TEST(OpenAiChatReader, AzuresFirstChunkNamesNothing) {
  const std::string azure = event(
      R"({"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false}}}]})");
  EXPECT_EQ(read(Wire::openai_chat, azure + kRole + kStop + chunk("", kUsage) + kDone),
            read(Wire::openai_chat, kRole + kStop + chunk("", kUsage) + kDone));
  EXPECT_EQ(read(Wire::openai_chat, azure).model, "asked-for");
}

TEST(OpenAiChatReader, DoneAloneEndsAndOnlyAsAWholeEvent) {
  EXPECT_EQ(read(Wire::openai_chat, kRole + kDone).outcome, Outcome::ok);
  EXPECT_EQ(read(Wire::openai_chat, kRole + "data:  [DONE] \n\n").outcome, Outcome::ok);
  EXPECT_EQ(read(Wire::openai_chat, kRole + event(R"({"x":"[DONE]"})")).outcome, Outcome::partial);
  EXPECT_EQ(read(Wire::openai_chat, kRole).outcome, Outcome::partial);
}

TEST(OpenAiChatReader, AnErrorBeforeDoneIsAnErrorAllTheSame) {
  const Record record = read(
      Wire::openai_chat,
      kRole +
          event(
              R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":"x"}})") +
          kDone);
  EXPECT_EQ(record.outcome, Outcome::error);
  EXPECT_EQ(record.error, (CallError{"invalid_request_error", "x"}));
}

TEST(OpenAiChatReader, MapsHowACompletionEnded) {
  const std::map<std::string, Finish> cases = {{"stop", Finish::stop},
                                               {"length", Finish::length},
                                               {"tool_calls", Finish::tool_use},
                                               {"function_call", Finish::tool_use},
                                               {"content_filter", Finish::content_filter},
                                               {"new", Finish::other}};
  for (const auto& [raw, finish] : cases) {
    const Record record = read(
        Wire::openai_chat,
        R"({"object":"chat.completion","choices":[{"index":0,"message":{"tool_calls":[{"function":{"name":"f"}},{"custom":{"name":"g"}}]},"finish_reason":")" +
            raw + R"("}],"usage":)" + kUsage + "}",
        kJson);
    EXPECT_EQ(record.finish, finish) << raw;
    EXPECT_EQ(record.tool_calls, (std::vector<std::string>{"f", "g"}));
    EXPECT_FALSE(record.stream);
  }
}

TEST(OpenAiChatReader, LegacyCompletionsAreTheSameWithText) {
  const Record record = read(
      Wire::openai_completions,
      event(
          R"({"id":"cmpl-1","object":"text_completion","model":"gpt-3.5-turbo-instruct","choices":[{"text":"x","index":0,"finish_reason":"length"}],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}})") +
          kDone);
  EXPECT_EQ(record.usage->total, 12u);
  EXPECT_EQ(record.finish, Finish::length);
  EXPECT_EQ(record.flags, Flags());
}

}  // namespace
}  // namespace agp::usage::test
