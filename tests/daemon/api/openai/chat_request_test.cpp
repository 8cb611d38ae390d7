#include "daemon/api/openai/chat_request.h"

#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

std::string with(std::string_view member) {
  return R"({"model":"m","messages":[{"role":"user","content":"Hi"}],)" + std::string(member) + "}";
}

ChatRequest accepted(std::string_view body) {
  auto parsed = parse_chat_request(body);
  if (const auto* refusal = std::get_if<ApiError>(&parsed)) {
    ADD_FAILURE() << body << ": " << refusal->param << ": " << refusal->message;
    return {};
  }
  return std::get<ChatRequest>(std::move(parsed));
}

ApiError refused(std::string_view body) {
  auto parsed = parse_chat_request(body);
  const auto* refusal = std::get_if<ApiError>(&parsed);
  EXPECT_NE(refusal, nullptr) << body;
  return refusal == nullptr ? ApiError{} : *refusal;
}

TEST(ChatRequest, TakesWhatItHonours) {
  const auto request = accepted(
      with(R"("stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":9,
              "metadata":{"k":"v"})"));
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.messages, (std::vector<Message>{{Role::user, "Hi"}}));
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_EQ(request.max_output_tokens, 9U);
  EXPECT_EQ(accepted(with(R"("max_tokens":8)")).max_output_tokens, 8U);
  EXPECT_FALSE(accepted(with(R"("stream":true,"stream_options":{})")).include_usage);
}

TEST(ChatRequest, AcceptsParametersThatAskForWhatHappensAnyway) {
  for (const char* member : {R"("n":1)",
                             R"("temperature":1)",
                             R"("top_p":1.0)",
                             R"("presence_penalty":0)",
                             R"("frequency_penalty":0.0)",
                             R"("logit_bias":{})",
                             R"("logprobs":false)",
                             R"("stop":[])",
                             R"("stop":null)",
                             R"("functions":[])",
                             R"("tools":[])",
                             R"("tool_choice":"none")",
                             R"("response_format":{"type":"text"})",
                             R"("modalities":["text"])",
                             R"("store":false)",
                             R"("verbosity":"medium")",
                             R"("user":"u")",
                             R"("stream":null)",
                             R"("stream_options":null)",
                             R"("max_tokens":null,"max_completion_tokens":5)"}) {
    (void)accepted(with(member));
  }
}

TEST(ChatRequest, RefusesUnsupportedParametersByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("n":2)", "n"},
      {R"("temperature":0)", "temperature"},
      {R"("stop":"x")", "stop"},
      {R"("seed":1)", "seed"},
      {R"("logprobs":true)", "logprobs"},
      {R"("logit_bias":{"1":2})", "logit_bias"},
      {R"("tools":[{"type":"function"}])", "tools"},
      {R"("functions":[{}])", "functions"},
      {R"("response_format":{"type":"json_object"})", "response_format"},
      {R"("modalities":["text","audio"])", "modalities"},
      {R"("audio":{})", "audio"},
      {R"("prediction":{})", "prediction"},
      {R"("reasoning_effort":"low")", "reasoning_effort"},
      {R"("web_search_options":{})", "web_search_options"},
      {R"("store":true)", "store"},
      {R"("stream":true,"stream_options":{"invented":true})", "stream_options.invented"},
  };
  for (const auto& [member, param] : cases) {
    const auto refusal = refused(with(member));
    EXPECT_EQ(refusal.code, "unsupported_parameter") << member;
    EXPECT_EQ(refusal.param, param);
  }
}

TEST(ChatRequest, RefusesWhatIsMissingOrWrong) {
  EXPECT_EQ(refused(R"({"messages":[]})").param, "model");
  EXPECT_EQ(refused(R"({"model":"m"})").param, "messages");
  EXPECT_EQ(refused(R"({"model":"m","messages":[]})").param, "messages");
  EXPECT_EQ(refused(with(R"("stream":1)")).param, "stream");
  EXPECT_EQ(refused(with(R"("max_tokens":0)")).param, "max_tokens");
  EXPECT_EQ(refused(with(R"("max_tokens":1,"max_completion_tokens":1)")).param,
            "max_completion_tokens");
  EXPECT_EQ(refused(with(R"("stream_options":{"include_usage":true})")).param, "stream_options");
  EXPECT_EQ(refused("nonsense").code, "invalid_body");
}

}  // namespace
}  // namespace agp::api::openai
