#include "daemon/api/turn_job.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

TurnJob accepted(std::variant<TurnJob, ApiError> parsed) {
  const auto* job = std::get_if<TurnJob>(&parsed);
  EXPECT_NE(job, nullptr);
  return job == nullptr ? TurnJob{} : *job;
}

ApiError refused(std::variant<TurnJob, ApiError> parsed) {
  const auto* refusal = std::get_if<ApiError>(&parsed);
  EXPECT_NE(refusal, nullptr);
  return refusal == nullptr ? ApiError{} : *refusal;
}

TEST(TurnJob, OfAResponse) {
  const auto job = accepted(responses_job(R"({"model":"m","input":"Hi","instructions":"Be brief.",
      "stream":true,"previous_response_id":"resp_1"})"));
  EXPECT_EQ(job.turn.model, "m");
  EXPECT_EQ(job.turn.input, "Hi");
  EXPECT_EQ(job.turn.instructions, "Be brief.");
  EXPECT_TRUE(job.turn.cascade_id.empty());
  EXPECT_TRUE(job.wants_stream());
  EXPECT_EQ(job.previous_response_id(), "resp_1");
}

TEST(TurnJob, OfAChatHasItsHistoryInOneMessage) {
  const auto job = accepted(chat_job(R"({"model":"m","messages":[
      {"role":"system","content":"Be brief."},{"role":"user","content":"One?"},
      {"role":"assistant","content":"1"},{"role":"user","content":"Two?"}]})"));
  EXPECT_EQ(job.turn.instructions, "Be brief.");
  EXPECT_EQ(job.turn.input,
            "The conversation so far:\n\nUser:\nOne?\n\nAssistant:\n1\n\n"
            "The user now says:\n\nTwo?");
  EXPECT_FALSE(job.wants_stream());
  EXPECT_TRUE(job.previous_response_id().empty());
}

TEST(TurnJob, ALimitOfLengthIsPassedOn) {
  const std::string question = R"({"model":"m","input":"Hi")";
  EXPECT_FALSE(accepted(responses_job(question + "}")).turn.max_output_tokens);
  EXPECT_EQ(accepted(responses_job(question + R"(,"max_output_tokens":9})")).turn.max_output_tokens,
            9U);
  for (const char* wrong : {"0", "-1", "1.5", "\"9\"", "1000000001"}) {
    const auto refusal =
        refused(responses_job(question + R"(,"max_output_tokens":)" + wrong + "}"));
    EXPECT_EQ(refusal.param, "max_output_tokens") << wrong;
    EXPECT_EQ(refusal.code, "invalid_parameter") << wrong;
  }
  for (const std::string name : {"max_tokens", "max_completion_tokens"}) {
    const auto chat = [&name](const std::string& value) {
      return chat_job(R"({"model":"m","messages":[{"role":"user","content":"Hi"}],")" + name +
                      "\":" + value + "}");
    };
    EXPECT_EQ(accepted(chat("9")).turn.max_output_tokens, 9U);
    EXPECT_FALSE(accepted(chat("null")).turn.max_output_tokens);
    EXPECT_EQ(refused(chat("0")).param, name);
  }
}

TEST(TurnJob, WhatCannotBeReadIsRefused) {
  EXPECT_EQ(refused(responses_job("")).code, "invalid_body");
  EXPECT_EQ(refused(chat_job(R"({"model":"m"})")).param, "messages");
}

}  // namespace
}  // namespace agp::api
