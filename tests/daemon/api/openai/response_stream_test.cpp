#include "daemon/api/openai/response_stream.h"

#include "tests/daemon/api/fake_ledger.h"
#include "tests/daemon/api/openai/stream_events.h"

#include <boost/json/serialize.hpp>

namespace agp::api::openai {
namespace {

using test::feed_all;
using test::stream_events;
using Events = std::vector<TurnEvent>;

ResponseHead some_head() {
  ResponseHead head;
  head.id = "resp_1";
  head.created_at = 1'795'000'000;
  head.request.model = "m";
  return head;
}

ApiError some_error() {
  return {503, "server_error", "language_server_unavailable", "it stopped", "start it", ""};
}

// Events without the response objects, which have tests of their own.
std::vector<std::string> small_events(std::string_view octets) {
  std::vector<std::string> out;
  std::int64_t number = 0;
  for (const auto& event : stream_events(octets)) {
    auto data = event.json();
    EXPECT_EQ(data.at("type").as_string(), event.name);
    EXPECT_EQ(data.at("sequence_number").to_number<std::int64_t>(), number++);
    auto& object = data.as_object();
    if (object.contains("response")) {
      out.push_back(event.name + " " + std::string(data.at("response").at("status").as_string()));
    } else {
      out.push_back(event.data);
    }
  }
  return out;
}

std::string deltas(std::string_view octets) {
  std::string out;
  for (const auto& event : stream_events(octets)) {
    if (event.name == "response.output_text.delta") {
      out += event.json().at("delta").as_string();
    }
  }
  return out;
}

boost::json::value last_response(std::string_view octets) {
  return stream_events(octets).back().json().at("response");
}

TEST(ResponseStream, IsTheFullSequence) {
  ResponseStream stream(some_head());
  const auto octets =
      feed_all(stream, Events{TurnStarted{"gemini-3-flash", "c-1"}, TextAppended{"Hel"},
                              TextAppended{"lo \"you\"\n"},
                              TurnFinished{FinishReason::stop, api::test::some_sums()}});
  EXPECT_TRUE(stream.is_over());
  EXPECT_EQ(
      small_events(octets),
      (std::vector<std::string>{
          "response.created in_progress",
          "response.in_progress in_progress",
          R"({"type":"response.output_item.added","sequence_number":2,"output_index":0,)"
          R"("item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant",)"
          R"("content":[]}})",
          R"({"type":"response.content_part.added","sequence_number":3,"item_id":"msg_1",)"
          R"("output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],)"
          R"("logprobs":[],"text":""}})",
          R"({"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1",)"
          R"("output_index":0,"content_index":0,"delta":"Hel","logprobs":[]})",
          R"({"type":"response.output_text.delta","sequence_number":5,"item_id":"msg_1",)"
          R"("output_index":0,"content_index":0,"delta":"lo \"you\"\n","logprobs":[]})",
          R"({"type":"response.output_text.done","sequence_number":6,"item_id":"msg_1",)"
          R"("output_index":0,"content_index":0,"text":"Hello \"you\"\n","logprobs":[]})",
          R"({"type":"response.content_part.done","sequence_number":7,"item_id":"msg_1",)"
          R"("output_index":0,"content_index":0,"part":{"type":"output_text","annotations":[],)"
          R"("logprobs":[],"text":"Hello \"you\"\n"}})",
          R"({"type":"response.output_item.done","sequence_number":8,"output_index":0,)"
          R"("item":{"id":"msg_1","type":"message","status":"completed","role":"assistant",)"
          R"("content":[{"type":"output_text","annotations":[],"logprobs":[],)"
          R"("text":"Hello \"you\"\n"}]}})",
          "response.completed completed",
      }));
  const auto first = stream_events(octets).front().json().at("response");
  EXPECT_EQ(first.at("id").as_string(), "resp_1");
  EXPECT_EQ(first.at("model").as_string(), "gemini-3-flash");
  EXPECT_TRUE(first.at("output").as_array().empty());
  EXPECT_TRUE(first.at("usage").is_null());
  const auto last = last_response(octets);
  EXPECT_EQ(last.at("usage").at("total_tokens"), 123);
  EXPECT_EQ(last.at("antigravity_proxy").at("cascade_id").as_string(), "c-1");
}

TEST(ResponseStream, EndsWithWhatAnAnswerInOnePieceSays) {
  const Events events{TurnStarted{"x", "c"}, ReasoningAppended{"Hm."}, TextAppended{"Hi"},
                      TurnFinished{FinishReason::max_tokens, api::test::some_sums()}};
  ResponseStream stream(some_head());
  TurnCollector collector;
  const auto octets = feed_all(stream, events);
  for (const auto& event : events) {
    collector.feed(event);
  }
  EXPECT_EQ(stream_events(octets).back().name, "response.incomplete");
  EXPECT_EQ(last_response(octets),
            boost::json::parse(render_response(some_head(), collector.take()).body));
}

TEST(ResponseStream, ThoughtsAreAnItemOfTheirOwn) {
  ResponseStream stream(some_head());
  const auto octets =
      feed_all(stream, Events{TurnStarted{}, ReasoningAppended{"Hm"}, ReasoningAppended{"."},
                              TextAppended{"Hi"}, TurnFinished{}});
  const auto events = small_events(octets);
  ASSERT_EQ(events.size(), 16U);
  const std::vector<std::string> thoughts(events.begin() + 2, events.begin() + 9);
  EXPECT_EQ(thoughts,
            (std::vector<std::string>{
                R"({"type":"response.output_item.added","sequence_number":2,"output_index":0,)"
                R"("item":{"id":"rs_1_0","type":"reasoning","status":"in_progress","summary":[]}})",
                R"({"type":"response.reasoning_summary_part.added","sequence_number":3,)"
                R"("item_id":"rs_1_0","output_index":0,"summary_index":0,)"
                R"("part":{"type":"summary_text","text":""}})",
                R"({"type":"response.reasoning_summary_text.delta","sequence_number":4,)"
                R"("item_id":"rs_1_0","output_index":0,"summary_index":0,"delta":"Hm"})",
                R"({"type":"response.reasoning_summary_text.delta","sequence_number":5,)"
                R"("item_id":"rs_1_0","output_index":0,"summary_index":0,"delta":"."})",
                R"({"type":"response.reasoning_summary_text.done","sequence_number":6,)"
                R"("item_id":"rs_1_0","output_index":0,"summary_index":0,"text":"Hm."})",
                R"({"type":"response.reasoning_summary_part.done","sequence_number":7,)"
                R"("item_id":"rs_1_0","output_index":0,"summary_index":0,)"
                R"("part":{"type":"summary_text","text":"Hm."}})",
                R"({"type":"response.output_item.done","sequence_number":8,"output_index":0,)"
                R"("item":{"id":"rs_1_0","type":"reasoning","status":"completed",)"
                R"("summary":[{"type":"summary_text","text":"Hm."}]}})",
            }));
  EXPECT_EQ(stream_events(octets)[9].json().at("output_index"), 1);
}

TEST(ResponseStream, ThoughtsAfterTextAreAFurtherItem) {
  ResponseStream stream(some_head());
  const auto octets =
      feed_all(stream, Events{ReasoningAppended{"a"}, TextAppended{"1"}, ReasoningAppended{"b"},
                              TextAppended{"2"}, TurnFinished{}});
  const auto output = last_response(octets).at("output").as_array();
  ASSERT_EQ(output.size(), 3U);
  EXPECT_EQ(output[0].at("summary").at(0).at("text").as_string(), "a");
  EXPECT_EQ(output[1].at("content").at(0).at("text").as_string(), "12");
  EXPECT_EQ(output[2].at("id").as_string(), "rs_1_2");
  EXPECT_EQ(output[2].at("summary").at(0).at("text").as_string(), "b");
}

TEST(ResponseStream, AnEmptyAnswerIsAnEmptyMessageWithoutDeltas) {
  ResponseStream stream(some_head());
  const auto octets = feed_all(stream, Events{TurnStarted{}, TextAppended{""}, TurnFinished{}});
  EXPECT_EQ(small_events(octets).size(), 8U);
  EXPECT_EQ(octets.find("delta"), std::string::npos);
  EXPECT_EQ(last_response(octets).at("output").at(0).at("content").at(0).at("text").as_string(),
            "");
}

TEST(ResponseStream, TheEndTellsTheTruthAboutARewrittenText) {
  ResponseStream stream(some_head());
  const auto octets =
      feed_all(stream, Events{TurnStarted{}, TextReplaced{"Hello wrold"},
                              TextReplaced{"Hello world"}, TextAppended{"!"}, TurnFinished{}});
  EXPECT_EQ(deltas(octets), "Hello wrold");
  for (const auto& event : stream_events(octets)) {
    if (event.name == "response.output_text.done") {
      EXPECT_EQ(event.json().at("text").as_string(), "Hello world!");
    }
  }
  EXPECT_EQ(last_response(octets).at("output").at(0).at("content").at(0).at("text").as_string(),
            "Hello world!");
}

TEST(ResponseStream, EverySplitOfAnAnswerIsTheSameAnswer) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 \x01\"\\";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    ResponseStream stream(some_head());
    const auto octets = feed_all(stream, Events{TurnStarted{}, TextAppended{text.substr(0, cut)},
                                                TextAppended{text.substr(cut)}, TurnFinished{}});
    EXPECT_EQ(deltas(octets), text) << cut;
  }
}

TEST(ResponseStream, AHugeTextComesInPieces) {
  std::string text;
  while (text.size() < 3'000'000) {
    text += "\xE2\x82\xAC\n";
  }
  ResponseStream stream(some_head());
  const auto octets = feed_all(stream, Events{TextAppended{text}, TurnFinished{}});
  EXPECT_EQ(deltas(octets), text);
  for (const auto& event : stream_events(octets)) {
    if (event.name == "response.output_text.delta") {
      EXPECT_LE(event.json().at("delta").as_string().size(), 64U * 1024U);
    }
  }
}

TEST(ResponseStream, AFailureKeepsWhatThereWas) {
  ResponseStream stream(some_head());
  const auto octets = feed_all(
      stream, Events{TurnStarted{}, ReasoningAppended{"Hm"}, TextAppended{"Hel"},
                     ReasoningAppended{"a"}, TurnFailed{some_error(), api::test::some_sums()}});
  EXPECT_TRUE(stream.is_over());
  EXPECT_EQ(stream_events(octets).back().name, "response.failed");
  const auto last = last_response(octets);
  EXPECT_EQ(last.at("status").as_string(), "failed");
  EXPECT_EQ(boost::json::serialize(last.at("error")),
            R"({"code":"server_error","message":"it stopped; start it"})");
  EXPECT_EQ(last.at("output").at(1).at("status").as_string(), "incomplete");
  EXPECT_EQ(last.at("output").at(1).at("content").at(0).at("text").as_string(), "Hel");
  EXPECT_EQ(last.at("output").at(2).at("summary").at(0).at("text").as_string(), "a");
  EXPECT_EQ(last.at("usage").at("input_tokens"), 100);
}

TEST(ResponseStream, AFailureBeforeTheStartIsAnErrorEvent) {
  ResponseStream stream(some_head());
  EXPECT_EQ(stream.feed(TurnFailed{some_error(), std::nullopt}),
            "event: error\ndata: {\"type\":\"error\",\"sequence_number\":0,"
            "\"code\":\"language_server_unavailable\",\"message\":\"it stopped\","
            "\"param\":null}\n\n");
  EXPECT_TRUE(stream.is_over());
}

TEST(ResponseStream, AnAnswerBeyondTheLimitFails) {
  for (const Events& events : {Events{TextAppended{"123"}, TextAppended{"45"}},
                               Events{TextReplaced{"1"}, TextReplaced{"12345"}},
                               Events{ReasoningAppended{"123"}, ReasoningAppended{"45"}}}) {
    ResponseStream stream(some_head(), 4);
    const auto octets = feed_all(stream, events);
    EXPECT_TRUE(stream.is_over());
    EXPECT_EQ(stream_events(octets).back().name, "response.failed");
  }
}

TEST(ResponseStream, NothingFollowsTheEnd) {
  ResponseStream stream(some_head());
  (void)feed_all(stream, Events{TurnStarted{}, TurnFinished{}});
  EXPECT_EQ(stream.feed(TextAppended{"x"}), "");
  EXPECT_EQ(stream.feed(TurnFailed{}), "");
}

}  // namespace
}  // namespace agp::api::openai
