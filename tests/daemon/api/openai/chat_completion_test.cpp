#include "daemon/api/openai/chat_completion.h"

#include "tests/daemon/api/fake_ledger.h"
#include "tests/daemon/api/openai/stream_events.h"

namespace agp::api::openai {
namespace {

using test::feed_all;
using test::stream_events;
using Events = std::vector<TurnEvent>;

const ChatHead kHead{"chatcmpl-1", 1'795'000'000, "m", false};
const ChatHead kHeadWithUsage{"chatcmpl-1", 1'795'000'000, "m", true};

ApiError some_error() {
  return {503, "server_error", "language_server_unavailable", "it stopped", "start it", ""};
}

std::string content(std::string_view octets) {
  std::string out;
  for (const auto& event : stream_events(octets)) {
    if (event.data == "[DONE]") {
      continue;
    }
    const auto data = event.json();
    if (const auto* choices = data.as_object().if_contains("choices");
        choices != nullptr && !choices->as_array().empty()) {
      const auto& delta = choices->at(0).at("delta").as_object();
      if (const auto* text = delta.if_contains("content")) {
        out += text->as_string();
      }
    }
  }
  return out;
}

TEST(ChatCompletion, IsOneObject) {
  const CollectedTurn turn{"gemini-3-flash", "c-1", "Hello.", "not shown",
                           TurnFinished{FinishReason::stop, api::test::some_sums()}};
  EXPECT_EQ(boost::json::parse(render_chat_completion(kHead, turn).body), boost::json::parse(R"({
      "id":"chatcmpl-1","object":"chat.completion","created":1795000000,"model":"gemini-3-flash",
      "choices":[{"index":0,"message":{"role":"assistant","content":"Hello.","refusal":null,
                  "annotations":[]},"logprobs":null,"finish_reason":"stop"}],
      "usage":{"prompt_tokens":100,"completion_tokens":23,"total_tokens":123,
               "prompt_tokens_details":{"cached_tokens":40},
               "completion_tokens_details":{"reasoning_tokens":3}},
      "antigravity_proxy":{"cascade_id":"c-1","calls":2,"usage_unknown":0}})"));
}

TEST(ChatCompletion, UnknownUsageIsAbsentAndAnEmptyAnswerIsEmpty) {
  const auto document = boost::json::parse(render_chat_completion(kHead, CollectedTurn{}).body);
  EXPECT_FALSE(document.as_object().contains("usage"));
  EXPECT_EQ(document.at("choices").at(0).at("message").at("content").as_string(), "");
  EXPECT_EQ(document.at("model").as_string(), "m");
}

TEST(ChatCompletion, AFailedTurnIsAnError) {
  CollectedTurn turn;
  turn.end = TurnFailed{some_error(), std::nullopt};
  EXPECT_EQ(render_chat_completion(kHead, turn).status, 503U);
}

TEST(ChatCompletion, FinishReasonsAreThoseOfTheInterface) {
  EXPECT_EQ(finish_word(FinishReason::stop), "stop");
  EXPECT_EQ(finish_word(FinishReason::max_tokens), "length");
  EXPECT_EQ(finish_word(FinishReason::content_filter), "content_filter");
  EXPECT_EQ(finish_word(FinishReason::interrupted), "length");
}

TEST(ChatStream, IsRoleTextReasonUsageDone) {
  const std::string head =
      R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795000000,)"
      R"("model":"gemini-3-flash","choices":[)";
  ChatStream stream(kHeadWithUsage);
  EXPECT_EQ(stream.feed(TurnStarted{"gemini-3-flash", "c-1"}),
            head + R"({"index":0,"delta":{"role":"assistant","content":"","refusal":null},)"
                   R"("logprobs":null,"finish_reason":null}],"usage":null})"
                   "\n\n");
  EXPECT_EQ(stream.feed(ReasoningAppended{"Hm"}), "");
  EXPECT_EQ(stream.feed(TextAppended{"Hel\n"}),
            head +
                R"({"index":0,"delta":{"content":"Hel\n"},"logprobs":null,"finish_reason":null}],)"
                R"("usage":null})"
                "\n\n");
  EXPECT_EQ(stream.feed(TurnFinished{FinishReason::stop, api::test::some_sums()}),
            head +
                R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null})"
                "\n\n" +
                head +
                R"(],"usage":{"prompt_tokens":100,"completion_tokens":23,"total_tokens":123,)"
                R"("prompt_tokens_details":{"cached_tokens":40},)"
                R"("completion_tokens_details":{"reasoning_tokens":3}},)"
                R"("antigravity_proxy":{"cascade_id":"c-1","calls":2,"usage_unknown":0}})"
                "\n\ndata: [DONE]\n\n");
  EXPECT_TRUE(stream.is_over());
  EXPECT_EQ(stream.feed(TextAppended{"x"}), "");
}

TEST(ChatStream, SaysNothingOfUsageUnlessAsked) {
  ChatStream stream(kHead);
  const auto octets =
      feed_all(stream, Events{TurnStarted{}, TextAppended{"Hi"},
                              TurnFinished{FinishReason::stop, api::test::some_sums()}});
  EXPECT_EQ(octets.find("usage"), std::string::npos);
  EXPECT_EQ(stream_events(octets).size(), 4U);
}

TEST(ChatStream, UnknownUsageIsNullAndNotZero) {
  ChatStream stream(kHeadWithUsage);
  const auto octets = feed_all(stream, Events{TurnStarted{}, TurnFinished{}});
  const auto events = stream_events(octets);
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[1].json().at("choices").at(0).at("finish_reason").as_string(), "stop");
  EXPECT_TRUE(events[2].json().at("usage").is_null());
  EXPECT_TRUE(events[2].json().at("antigravity_proxy").at("calls").is_null());
  EXPECT_EQ(events[3].data, "[DONE]");
}

TEST(ChatStream, EverySplitOfAnAnswerIsTheSameAnswer) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 \x01\"\\[DONE]\n\ndata: x";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    ChatStream stream(kHead);
    const auto octets = feed_all(stream, Events{TurnStarted{}, TextAppended{text.substr(0, cut)},
                                                TextAppended{text.substr(cut)}, TurnFinished{}});
    EXPECT_EQ(content(octets), text) << cut;
  }
}

TEST(ChatStream, AHugeTextComesInPieces) {
  const std::string text(1'000'000, 'x');
  ChatStream stream(kHead);
  const auto octets = feed_all(stream, Events{TextReplaced{text}, TurnFinished{}});
  EXPECT_EQ(content(octets), text);
  EXPECT_EQ(stream_events(octets).size(), 1U + 16U + 2U);
}

TEST(ChatStream, ARewrittenAnswerFollowsAgainFromTheLineThatChanged) {
  ChatStream stream(kHead);
  const auto octets =
      feed_all(stream, Events{TurnStarted{}, TextReplaced{"one\ntwo"}, TextReplaced{"one\n2"},
                              TextAppended{"\nthree"}, TurnFinished{}});
  EXPECT_EQ(content(octets), "one\ntwo\n\n2\nthree");
}

TEST(ChatStream, AFailureIsAnErrorBeforeTheEnd) {
  ChatStream stream(kHeadWithUsage);
  const auto octets = feed_all(stream, Events{TurnStarted{}, TextAppended{"Hel"},
                                              TurnFailed{some_error(), api::test::some_sums()}});
  const auto events = stream_events(octets);
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[2].json().at("usage").at("total_tokens"), 123);
  EXPECT_EQ(events[3].json().at("error").at("code").as_string(), "language_server_unavailable");
  EXPECT_EQ(events[3].json().at("error").at("message").as_string(), "it stopped");
  EXPECT_EQ(events[4].data, "[DONE]");
  EXPECT_TRUE(stream.is_over());
}

TEST(ChatStream, AnAnswerBeyondTheLimitFails) {
  ChatStream stream(kHead, 4);
  const auto octets = feed_all(stream, Events{TurnStarted{}, TextAppended{"12345"}});
  EXPECT_TRUE(stream.is_over());
  EXPECT_NE(octets.find("answer_too_large"), std::string::npos);
}

}  // namespace
}  // namespace agp::api::openai
