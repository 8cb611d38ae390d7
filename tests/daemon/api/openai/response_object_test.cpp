#include "daemon/api/openai/response_object.h"

#include "tests/daemon/api/fake_ledger.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

ResponseHead some_head() {
  ResponseHead head;
  head.id = "resp_1";
  head.created_at = 1'795'000'000;
  head.request.model = "m";
  head.request.instructions = "Be \"brief\".";
  head.request.previous_response_id = "resp_0";
  head.request.max_output_tokens = 100;
  head.request.metadata = {{"k", "v"}};
  return head;
}

CollectedTurn some_turn() {
  return {"gemini-3-flash", "c-1", "Hello.", "Hm.",
          TurnFinished{FinishReason::stop, api::test::some_sums()}};
}

// Every required field of `Response` in the types of the official SDK.
TEST(ResponseObject, IsWhole) {
  EXPECT_EQ(boost::json::parse(render_response(some_head(), some_turn()).body),
            boost::json::parse(R"({
      "id":"resp_1","object":"response","created_at":1795000000,"status":"completed",
      "background":false,"error":null,"incomplete_details":null,"instructions":"Be \"brief\".",
      "max_output_tokens":100,"metadata":{"k":"v"},"model":"gemini-3-flash",
      "output":[
        {"id":"rs_1_0","type":"reasoning","status":"completed",
         "summary":[{"type":"summary_text","text":"Hm."}]},
        {"id":"msg_1","type":"message","status":"completed","role":"assistant",
         "content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Hello."}]}],
      "parallel_tool_calls":false,"previous_response_id":"resp_0",
      "reasoning":{"effort":null,"summary":null},"store":true,"temperature":null,
      "text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":null,
      "truncation":"disabled",
      "usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":40},"output_tokens":23,
               "output_tokens_details":{"reasoning_tokens":3},"total_tokens":123},
      "antigravity_proxy":{"cascade_id":"c-1","calls":2,"usage_unknown":0}})"));
}

TEST(ResponseObject, SaysWhyItIsIncomplete) {
  const std::pair<FinishReason, const char*> cases[] = {
      {FinishReason::max_tokens, "max_output_tokens"},
      {FinishReason::content_filter, "content_filter"},
      {FinishReason::interrupted, "interrupted"},
  };
  for (const auto& [reason, word] : cases) {
    auto turn = some_turn();
    turn.end = TurnFinished{reason, std::nullopt};
    const auto document = boost::json::parse(render_response(some_head(), turn).body);
    EXPECT_EQ(document.at("status").as_string(), "incomplete");
    EXPECT_EQ(document.at("incomplete_details").at("reason").as_string(), word);
    EXPECT_EQ(document.at("output").at(1).at("status").as_string(), "incomplete");
    EXPECT_TRUE(document.at("usage").is_null());
  }
}

TEST(ResponseObject, AnEmptyAnswerIsAnEmptyMessageOfTheModelAsked) {
  const auto document = boost::json::parse(render_response(some_head(), CollectedTurn{}).body);
  EXPECT_EQ(document.at("model").as_string(), "m");
  EXPECT_EQ(document.at("output").as_array().size(), 1U);
  EXPECT_EQ(document.at("output").at(0).at("content").at(0).at("text").as_string(), "");
}

TEST(ResponseObject, AFailedTurnIsAnError) {
  auto turn = some_turn();
  turn.end = TurnFailed{{503, "server_error", "language_server_unavailable", "gone", "", ""},
                        std::nullopt};
  const auto response = render_response(some_head(), turn);
  EXPECT_EQ(response.status, 503U);
  EXPECT_EQ(boost::json::parse(response.body).at("error").at("code").as_string(),
            "language_server_unavailable");
}

}  // namespace
}  // namespace agp::api::openai
