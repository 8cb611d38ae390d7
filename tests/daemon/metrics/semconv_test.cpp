#include "daemon/metrics/semconv.h"

#include "tests/daemon/metrics/support.h"

#include <gtest/gtest.h>

namespace agp::metrics {
namespace {

TEST(Semconv, TheProviderIsTheFlavourOfTheEndpoint) {
  EXPECT_STREQ(provider_name("google", test::kCodeAssist), "gcp.gen_ai");
  EXPECT_STREQ(provider_name("google", "generativelanguage.googleapis.com"), "gcp.gemini");
  EXPECT_STREQ(provider_name("google", "aiplatform.googleapis.com"), "gcp.vertex_ai");
  EXPECT_STREQ(provider_name("google", "europe-west4-aiplatform.googleapis.com"), "gcp.vertex_ai");
  EXPECT_STREQ(provider_name("google", "other"), "gcp.gen_ai");
  EXPECT_STREQ(provider_name("anthropic", "api.anthropic.com"), "anthropic");
  EXPECT_STREQ(provider_name("openai", "api.openai.com"), "openai");
  EXPECT_STREQ(provider_name("azure", "mine.openai.azure.com"), "azure.ai.openai");
  EXPECT_STREQ(operation_name("google"), "generate_content");
  EXPECT_STREQ(operation_name("anthropic"), "chat");
}

TEST(Semconv, ErrorsHaveFewNames) {
  auto record = test::call(1, "a");
  EXPECT_EQ(error_type(record), "");
  record.outcome = usage::Outcome::error;
  record.http_status = 429;
  EXPECT_EQ(error_type(record), "429");
  record.http_status = 418;
  EXPECT_EQ(error_type(record), "_OTHER");
  record.http_status = 200;
  EXPECT_EQ(error_type(record), "response_error");
  record.outcome = usage::Outcome::partial;
  EXPECT_EQ(error_type(record), "incomplete");
  record.closed_by = usage::Closer::client;
  EXPECT_EQ(error_type(record), "client_closed");
  record.closed_by = usage::Closer::upstream;
  EXPECT_EQ(error_type(record), "upstream_closed");
}

}  // namespace
}  // namespace agp::metrics
