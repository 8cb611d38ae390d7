#include "daemon/api/openai/responses_request.h"

#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

ResponsesRequest accepted(std::string_view body) {
  auto parsed = parse_responses_request(body);
  if (const auto* refusal = std::get_if<ApiError>(&parsed)) {
    ADD_FAILURE() << body << ": " << refusal->param << ": " << refusal->message;
    return {};
  }
  return std::get<ResponsesRequest>(std::move(parsed));
}

ApiError refused(std::string_view body, const RequestLimits& limits = {}) {
  auto parsed = parse_responses_request(body, limits);
  const auto* refusal = std::get_if<ApiError>(&parsed);
  EXPECT_NE(refusal, nullptr) << body;
  return refusal == nullptr ? ApiError{} : *refusal;
}

std::string with(std::string_view member) {
  return R"({"model":"m","input":"Hi",)" + std::string(member) + "}";
}

TEST(ResponsesRequest, TakesWhatItHonours) {
  const auto request = accepted(
      R"({"model":"m","input":"Hi","instructions":"Be brief.","stream":true,"store":false,
          "previous_response_id":"resp_1","max_output_tokens":100,"metadata":{"k":"v"}})");
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.messages, (std::vector<Message>{{Role::user, "Hi"}}));
  EXPECT_EQ(request.instructions, "Be brief.");
  EXPECT_TRUE(request.stream);
  EXPECT_FALSE(request.store);
  EXPECT_EQ(request.previous_response_id, "resp_1");
  EXPECT_EQ(request.max_output_tokens, 100U);
  EXPECT_EQ(request.metadata, (Metadata{{"k", "v"}}));
}

TEST(ResponsesRequest, HasTheDefaultsOfTheInterface) {
  const auto request = accepted(R"({"model":"m","input":"Hi"})");
  EXPECT_FALSE(request.stream);
  EXPECT_TRUE(request.store);
  EXPECT_TRUE(request.previous_response_id.empty());
  EXPECT_EQ(request.max_output_tokens, std::nullopt);
}

TEST(ResponsesRequest, AcceptsParametersThatAskForWhatHappensAnyway) {
  for (const char* member : {R"("temperature":1)",
                             R"("temperature":1.0)",
                             R"("top_p":1)",
                             R"("temperature":null)",
                             R"("tools":[])",
                             R"("tool_choice":"auto")",
                             R"("parallel_tool_calls":true)",
                             R"("include":[])",
                             R"("truncation":"disabled")",
                             R"("background":false)",
                             R"("service_tier":"auto")",
                             R"("user":"u")",
                             R"("prompt_cache_key":"k")",
                             R"("text":{"format":{"type":"text"}})",
                             R"("text":{"verbosity":"medium"})",
                             R"("text":{})",
                             R"("reasoning":{"effort":null,"summary":"auto"})",
                             R"("reasoning":null)",
                             R"("stream_options":{"include_obfuscation":false})",
                             R"("invented":null)",
                             R"("top_logprobs":0)",
                             R"("safety_identifier":"s")"}) {
    (void)accepted(with(member));
  }
}

TEST(ResponsesRequest, RefusesUnsupportedParametersByName) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("temperature":0.7)", "temperature"},
      {R"("top_p":"1")", "top_p"},
      {R"("tools":[{"type":"web_search"}])", "tools"},
      {R"("tool_choice":"required")", "tool_choice"},
      {R"("include":["reasoning.encrypted_content"])", "include"},
      {R"("background":true)", "background"},
      {R"("service_tier":"flex")", "service_tier"},
      {R"("conversation":"conv_1")", "conversation"},
      {R"("prompt":{"id":"p"})", "prompt"},
      {R"("text":{"format":{"type":"json_object"}})", "text.format"},
      {R"("text":{"verbosity":"low"})", "text.verbosity"},
      {R"("reasoning":{"effort":"high"})", "reasoning.effort"},
      {R"("stream_options":{"include_obfuscation":true})", "stream_options.include_obfuscation"},
      {R"("max_tool_calls":3)", "max_tool_calls"},
      {R"("invented":1)", "invented"},
  };
  for (const auto& [member, param] : cases) {
    const auto refusal = refused(with(member));
    EXPECT_EQ(refusal.status, 400U);
    EXPECT_EQ(refusal.type, "invalid_request_error");
    EXPECT_EQ(refusal.code, "unsupported_parameter") << member;
    EXPECT_EQ(refusal.param, param);
  }
  EXPECT_LE(refused(with('"' + std::string(100'000, 'x') + "\":1")).param.size(), 64U);
}

TEST(ResponsesRequest, RefusesWhatIsMissingOrWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("stream":"yes")", "stream"},
      {R"("store":1)", "store"},
      {R"("max_output_tokens":0)", "max_output_tokens"},
      {R"("max_output_tokens":-1)", "max_output_tokens"},
      {R"("max_output_tokens":1.5)", "max_output_tokens"},
      {R"("max_output_tokens":"9")", "max_output_tokens"},
      {R"("previous_response_id":1)", "previous_response_id"},
      {R"("previous_response_id":"../etc")", "previous_response_id"},
      {R"("instructions":[])", "instructions"},
      {R"("metadata":{"k":1})", "metadata"},
      {R"("text":"plain")", "text"},
  };
  for (const auto& [member, param] : cases) {
    const auto refusal = refused(with(member));
    EXPECT_EQ(refusal.code, "invalid_parameter") << member;
    EXPECT_EQ(refusal.param, param);
  }
  EXPECT_EQ(refused(R"({"input":"Hi"})").param, "model");
  EXPECT_EQ(refused(R"({"model":"","input":"Hi"})").param, "model");
  EXPECT_EQ(refused(R"({"model":"m"})").param, "input");
  for (const char* body : {"", "[]", "{", "{}x", "\"\xFF\""}) {
    EXPECT_EQ(refused(body).code, "invalid_body") << body;
  }
  EXPECT_EQ(refused(std::string(100'000, '[')).code, "invalid_body");
}

TEST(ResponsesRequest, HasLimits) {
  RequestLimits limits;
  limits.text_bytes = 8;
  EXPECT_EQ(refused(R"({"model":"m","input":"123456789"})", limits).code,
            "string_above_max_length");
  EXPECT_EQ(refused(R"({"model":"m","input":"1","instructions":"123456789"})", limits).param,
            "instructions");
}

TEST(ResponsesRequest, APreviousResponseMayBeUnknown) {
  const auto refusal = unknown_previous_response("resp_1");
  EXPECT_EQ(refusal.status, 404U);
  EXPECT_EQ(refusal.code, "previous_response_not_found");
  EXPECT_EQ(refusal.param, "previous_response_id");
}

}  // namespace
}  // namespace agp::api::openai
