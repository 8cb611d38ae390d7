#include "daemon/usage/endpoint.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

const std::string kVertex = "/v1/projects/p/locations/l/publishers/";

TEST(Endpoint, KnowsTheModelCalls) {
  const struct {
    std::string host, target;
    Provider provider;
    Api api;
    Wire wire;
    std::string model;
  } cases[] = {
      {"daily-cloudcode-pa.googleapis.com", "/v1internal:streamGenerateContent?alt=sse",
       Provider::google, Api::code_assist, Wire::google, ""},
      {"cloudcode-pa.googleapis.com", "/v1internal:generateContent", Provider::google,
       Api::code_assist, Wire::google, ""},
      {"autopush-cloudcode-pa.sandbox.googleapis.com", "/v1internal:generateContent",
       Provider::google, Api::code_assist, Wire::google, ""},
      {"generativelanguage.googleapis.com",
       "/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse", Provider::google,
       Api::generativelanguage, Wire::google, "gemini-3-flash"},
      {"generativelanguage.googleapis.com", "/v1/models/gemini%2D3:generateContent",
       Provider::google, Api::generativelanguage, Wire::google, "gemini-3"},
      {"generativelanguage.googleapis.com", "/v1beta/models/gemini-3%3AgenerateContent",
       Provider::google, Api::generativelanguage, Wire::google, "gemini-3"},
      {"generativelanguage.googleapis.com", "/v1beta/tunedModels/t:generateContent",
       Provider::google, Api::generativelanguage, Wire::google, "t"},
      {"generativelanguage.googleapis.com", "/v1beta/openai/chat/completions", Provider::google,
       Api::chat_completions, Wire::openai_chat, ""},
      {"generativelanguage.googleapis.com", "/v1beta/interactions", Provider::google,
       Api::generativelanguage, Wire::interactions, ""},
      {"us-east1-aiplatform.googleapis.com", kVertex + "google/models/m:generateContent",
       Provider::google, Api::vertex, Wire::google, "m"},
      {"aiplatform.eu.rep.googleapis.com", "/v1/publishers/google/models/m:streamGenerateContent",
       Provider::google, Api::vertex, Wire::google, "m"},
      {"aiplatform.googleapis.com", "/v1/projects/p/locations/l/endpoints/7:generateContent",
       Provider::google, Api::vertex, Wire::google, "7"},
      {"aiplatform.googleapis.com", kVertex + "anthropic/models/claude@2026:streamRawPredict",
       Provider::google, Api::messages, Wire::anthropic, "claude@2026"},
      {"aiplatform.googleapis.com", "/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
       Provider::google, Api::chat_completions, Wire::openai_chat, ""},
      {"api.anthropic.com", "/v1/messages?beta=true", Provider::anthropic, Api::messages,
       Wire::anthropic, ""},
      {"api.openai.com", "/v1/responses", Provider::openai, Api::responses, Wire::openai_responses,
       ""},
      {"api.openai.com", "https://api.openai.com/v1/chat/completions", Provider::openai,
       Api::chat_completions, Wire::openai_chat, ""},
      {"x.openai.azure.com", "/openai/deployments/d/chat/completions?api-version=1",
       Provider::azure, Api::chat_completions, Wire::openai_chat, "d"},
      {"chatgpt.com", "/backend-api/codex/responses", Provider::openai, Api::responses,
       Wire::openai_responses, ""},
  };
  for (const auto& c : cases) {
    const auto got = classify(c.host, "POST", c.target);
    ASSERT_TRUE(got) << c.host << c.target;
    EXPECT_EQ(*got, (Endpoint{c.provider, c.api, c.wire, false, c.model})) << c.host << c.target;
    EXPECT_FALSE(classify(c.host, "GET", c.target)) << c.target;
  }
}

TEST(Endpoint, EverythingElseIsNoCall) {
  const std::pair<std::string, std::string> cases[] = {
      {"daily-cloudcode-pa.googleapis.com", "/v1internal:countTokens"},
      {"daily-cloudcode-pa.googleapis.com", "/v1internal:recordCodeAssistMetrics"},
      {"daily-cloudcode-pa.googleapis.com", "/v1internal/operations/generateContent"},
      {"evilcloudcode-pa.googleapis.com", "/v1internal:generateContent"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m:countTokens"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m:embedContent"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m:batchGenerateContent"},
      {"aiplatform.googleapis.com", kVertex + "anthropic/models/count-tokens:rawPredict"},
      {"aiplatform.googleapis.com", kVertex + "google/models/m:predict"},
      {"api.anthropic.com", "/v1/messages/count_tokens"},
      {"api.anthropic.com", "/v1/messages/batches"},
      {"api.openai.com", "/v1/responses/resp_1/cancel"},
      {"api.openai.com", "/v1/responses/input_tokens"},
      {"api.openai.com", "/v1/embeddings"},
      {"example.org", "/v1/messages"},
  };
  for (const auto& [host, target] : cases) {
    EXPECT_FALSE(classify(host, "POST", target)) << host << target;
  }
}

}  // namespace
}  // namespace agp::usage
