#include "daemon/usage/endpoint.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

const std::string kVertex = "/v1/projects/p/locations/l/publishers/";

TEST(Endpoint, Invariant09TheYesRowsAreModelCalls) {
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
      {"generativelanguage.googleapis.com", "/v1alpha/models/m:streamGenerateContent",
       Provider::google, Api::generativelanguage, Wire::google, "m"},
      {"generativelanguage.googleapis.com", "/v1beta/tunedModels/t:streamGenerateContent",
       Provider::google, Api::generativelanguage, Wire::google, "t"},
      {"aiplatform.us.rep.googleapis.com",
       "/v1beta1/projects/p/locations/us/publishers/google/models/m:generateContent",
       Provider::google, Api::vertex, Wire::google, "m"},
      {"aiplatform.googleapis.com",
       kVertex + "anthropic/models/claude-sonnet-4-5%4020250929:rawPredict", Provider::google,
       Api::messages, Wire::anthropic, "claude-sonnet-4-5@20250929"},
      {"aiplatform.googleapis.com", "/v1/projects/p/locations/l/endpoints/7:streamGenerateContent",
       Provider::google, Api::vertex, Wire::google, "7"},
      {"api.openai.com", "/v1/responses/compact", Provider::openai, Api::responses,
       Wire::openai_responses, ""},
      {"api.openai.com", "/v1/completions", Provider::openai, Api::chat_completions,
       Wire::openai_completions, ""},
      {"x.openai.azure.com", "/openai/deployments/d/chat/completions?api-version=1",
       Provider::azure, Api::chat_completions, Wire::openai_chat, "d"},
      {"x.openai.azure.com", "/openai/deployments/my%20d/completions", Provider::azure,
       Api::chat_completions, Wire::openai_completions, "my d"},
      {"x.openai.azure.com", "/openai/v1/chat/completions", Provider::azure, Api::chat_completions,
       Wire::openai_chat, ""},
      {"x.openai.azure.com", "/openai/v1/responses", Provider::azure, Api::responses,
       Wire::openai_responses, ""},
      {"x.openai.azure.com", "/openai/responses?api-version=1", Provider::azure, Api::responses,
       Wire::openai_responses, ""},
      {"chatgpt.com", "/backend-api/codex/responses/compact", Provider::openai, Api::responses,
       Wire::openai_responses, ""},
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

TEST(Endpoint, Invariant09TheNoRowsAreNone) {
  const std::string code_assist[] = {"countTokens",
                                     "loadCodeAssist",
                                     "onboardUser",
                                     "fetchAvailableModels",
                                     "fetchAdminControls",
                                     "fetchUserInfo",
                                     "retrieveUserQuota",
                                     "retrieveUserQuotaSummary",
                                     "listExperiments",
                                     "recordCodeAssistMetrics",
                                     "recordTrajectoryAnalytics",
                                     "webDocsOptions",
                                     "getCodeAssistGlobalUserSetting",
                                     "setCodeAssistGlobalUserSetting"};
  for (const std::string& action : code_assist) {
    EXPECT_FALSE(classify("daily-cloudcode-pa.googleapis.com", "POST", "/v1internal:" + action))
        << action;
  }
  const std::pair<std::string, std::string> cases[] = {
      {"daily-cloudcode-pa.googleapis.com", "/v1internal/operations/generateContent"},
      {"daily-cloudcode-pa.googleapis.com", "/v1internal/operations:generateContent"},
      {"evilcloudcode-pa.googleapis.com", "/v1internal:generateContent"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m:countTokens"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m:embedContent"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m:batchEmbedContents"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m:predict"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m:predictLongRunning"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m:batchGenerateContent"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m"},
      {"generativelanguage.googleapis.com", "/v1beta/models/:generateContent"},
      {"generativelanguage.googleapis.com", "/v1beta/a/models/m:generateContent"},
      {"generativelanguage.googleapis.com", "/v1beta/models/m:generateContent/x"},
      {"generativelanguage.googleapis.com", "/v2/models/m:generateContent"},
      {"generativelanguage.googleapis.com", "/v1beta/cachedContents"},
      {"generativelanguage.googleapis.com", "/v1beta/files"},
      {"generativelanguage.googleapis.com", "/v1beta/interactions/int_1/cancel"},
      {"aiplatform.googleapis.com", kVertex + "anthropic/models/count-tokens:rawPredict"},
      {"aiplatform.googleapis.com", kVertex + "anthropic/models/count%2Dtokens:rawPredict"},
      {"aiplatform.googleapis.com", kVertex + "google/models/m:predict"},
      {"aiplatform.googleapis.com", kVertex + "google/models/m:countTokens"},
      {"aiplatform.googleapis.com", kVertex + "google/models/m:computeTokens"},
      {"aiplatform.googleapis.com", kVertex + "google/models/m:embedContent"},
      {"aiplatform.googleapis.com", kVertex + "google/models/m:rawPredict"},
      {"aiplatform.googleapis.com", "/v1/projects/p/locations/l/endpoints/7:predict"},
      {"api.anthropic.com", "/v1/messages/count_tokens"},
      {"api.anthropic.com", "/v1/messages/batches"},
      {"api.anthropic.com", "/v1/messages/batches/b/results"},
      {"api.anthropic.com", "/v1/files"},
      {"api.anthropic.com", "/v1/organizations/o/usage"},
      {"api.anthropic.com", "/api/event_logging/batch"},
      {"api.openai.com", "/v1/responses/resp_1"},
      {"api.openai.com", "/v1/responses/resp_1/cancel"},
      {"api.openai.com", "/v1/responses/resp_1/input_items"},
      {"api.openai.com", "/v1/responses/input_tokens"},
      {"api.openai.com", "/v1/chat/completions/chatcmpl-1"},
      {"api.openai.com", "/v1/embeddings"},
      {"api.openai.com", "/v1/files"},
      {"api.openai.com", "/v1/batches"},
      {"api.openai.com", "/v1/moderations"},
      {"x.openai.azure.com", "/openai/deployments/d/embeddings"},
      {"openai.azure.com", "/openai/responses"},
      {"chatgpt.com", "/backend-api/conversation"},
      {"example.org", "/v1/messages"},
  };
  for (const auto& [host, target] : cases) {
    EXPECT_FALSE(classify(host, "POST", target)) << host << target;
  }
}

}  // namespace
}  // namespace agp::usage
