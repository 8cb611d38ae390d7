#include "daemon/api/turn_answer.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

TurnJob job_of(std::variant<TurnJob, ApiError> parsed) {
  return std::get<TurnJob>(std::move(parsed));
}

std::string play(TurnAnswer& answer) {
  auto out = answer.feed(openai::TurnStarted{"gemini-3-flash", "c-1"});
  out += answer.feed(openai::TextAppended{"Hello."});
  EXPECT_FALSE(answer.is_over());
  out += answer.feed(openai::TurnFinished{});
  EXPECT_TRUE(answer.is_over());
  return out;
}

TEST(TurnAnswer, InOnePiece) {
  TurnAnswer response(job_of(responses_job(R"({"model":"m","input":"Hi"})")), "resp_1", 1);
  EXPECT_EQ(play(response), "");
  EXPECT_EQ(boost::json::parse(response.take_whole().body).at("id").as_string(), "resp_1");
  TurnAnswer chat(job_of(chat_job(R"({"model":"m","messages":[{"role":"user","content":"Hi"}]})")),
                  "chatcmpl-1", 1);
  EXPECT_EQ(play(chat), "");
  EXPECT_EQ(boost::json::parse(chat.take_whole().body).at("object").as_string(), "chat.completion");
}

TEST(TurnAnswer, AsAStream) {
  TurnAnswer response(job_of(responses_job(R"({"model":"m","input":"Hi","stream":true})")),
                      "resp_1", 1);
  EXPECT_NE(play(response).find("event: response.completed\n"), std::string::npos);
  TurnAnswer chat(
      job_of(
          chat_job(R"({"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]})")),
      "chatcmpl-1", 1);
  EXPECT_TRUE(play(chat).ends_with("data: [DONE]\n\n"));
}

}  // namespace
}  // namespace agp::api
