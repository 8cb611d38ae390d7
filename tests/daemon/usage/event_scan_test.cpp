#include "daemon/usage/event_scan.h"

#include "daemon/usage/endpoint.h"
#include "daemon/usage/record.h"
#include "daemon/usage/response_reader.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

/// Wants the strings and numbers whose keys begin with w; numbers under nK go into slot K; all the
/// rest is of no interest.
class Handler final : public JsonHandler {
 public:
  void on_object_begin() override {}
  void on_object_end() override {}
  void on_array_begin() override {}
  void on_array_end() override {}
  void on_key(std::string_view key) override { key_ = key; }
  bool wants_string() override { return key_.starts_with("w"); }
  void on_string(std::string_view) override {}
  void on_number(std::string_view) override {}
  NumberUse number_use() const override {
    if (key_.starts_with("n")) {
      return key_[1] - '0';
    }
    return key_.starts_with("w") ? kNumberMatters : kNumberIgnored;
  }
  void on_bool() override {}
  void on_null() override {}

 private:
  std::string key_;
};

/// A scan that has learned an event.
EventScan learned(const std::string& event, bool is_repeatable = true) {
  EventScan scan;
  Handler handler;
  JsonReader json(&handler);
  json.note_holes(scan.begin());
  (void)json.feed(as_bytes(event));
  EXPECT_EQ(json.finish(), JsonReader::Status::done);
  scan.end(as_bytes(event), is_repeatable);
  return scan;
}

bool is_like(const std::string& event, const std::string& other) {
  return learned(event).is_like(as_bytes(other));
}

const std::string kEvent = R"({"text":"a","wModel":"m","n1":10,"index":0,"list":[1,{"x":"y"}]})";

TEST(EventScan, OtherTextAndOtherNumbersAreLike) {
  EventScan scan = learned(kEvent);
  ASSERT_TRUE(scan.is_like(as_bytes(
      R"({"text":"some \"longer\" text \u00e9","wModel":"m","n1":1234,"index":-1e5,"list":[7,{"x":""}]})")));
  ASSERT_EQ(scan.numbers().size(), 1U);
  EXPECT_EQ(scan.numbers()[0].slot, 1);
  EXPECT_EQ(scan.numbers()[0].text, "1234");
}

TEST(EventScan, WhatCountsIsTheSame) {
  EXPECT_TRUE(is_like(kEvent, kEvent));
  EXPECT_FALSE(
      is_like(kEvent, R"({"text":"a","wModel":"n","n1":10,"index":0,"list":[1,{"x":"y"}]})"));
  EXPECT_FALSE(
      is_like(kEvent, R"({"text":"a","wModel":"m","n2":10,"index":0,"list":[1,{"x":"y"}]})"));
  EXPECT_FALSE(
      is_like(kEvent, R"({"text":"a","wModel":"m","n1":10,"index":0,"list":[1,{"x":"y"},2]})"));
  EXPECT_FALSE(is_like(kEvent, kEvent + "}"));
  EXPECT_FALSE(is_like(R"({"w":1})", R"({"w":2})"));
}

TEST(EventScan, WhatIsNoJsonIsNotLike) {
  const std::string head = R"({"text":")";
  const std::string tail = R"(","n1":1})";
  ASSERT_TRUE(is_like(head + "a" + tail, head + "b" + tail));
  for (const char* bad : {"\n", "\\x", "\\u12g4", "\x01", "a\"b", "\\"}) {
    EXPECT_FALSE(is_like(head + "a" + tail, head + bad + tail)) << bad;
  }
  for (const char* bad : {"", "01", "1.", "-", "1e", "true", "\"1\"", "1,", "{}"}) {
    EXPECT_FALSE(is_like(R"({"n1":1})", std::string(R"({"n1":)") + bad + "}")) << bad;
  }
}

TEST(EventScan, EveryCutOfAnEventIsNotLike) {
  EventScan scan = learned(kEvent);
  for (std::size_t cut = 0; cut < kEvent.size(); ++cut) {
    EXPECT_FALSE(scan.is_like(as_bytes(std::string_view(kEvent).substr(0, cut)))) << cut;
  }
}

TEST(EventScan, WhatMayNotRepeatIsNotLearned) {
  EXPECT_FALSE(learned(kEvent, false).is_like(as_bytes(kEvent)));
}

TEST(EventScan, AnEventWithTooManyOctetsThatCountIsNotLearned) {
  const std::string fits = R"({"w":")" + std::string(kMaxLikenessBytes - 8, 'x') + R"("})";
  EXPECT_TRUE(is_like(fits, fits));
  const std::string large = R"({"w":")" + std::string(kMaxLikenessBytes - 7, 'x') + R"("})";
  EXPECT_FALSE(is_like(large, large));
  const std::string text = R"({"t":")" + std::string(10 * kMaxLikenessBytes, 'x') + R"("})";
  EXPECT_TRUE(is_like(text, text));
}

TEST(EventScan, AnEventWithTooManyHolesIsLikeItselfAlone) {
  std::string many = "[0";
  for (std::size_t i = 0; i < kMaxJsonHoles; ++i) {
    many += ",1";
  }
  std::string other = many;
  many += "]";
  other.back() = '2';
  other += "]";
  EXPECT_TRUE(is_like(many, many));
  EXPECT_FALSE(is_like(many, other));
}

TEST(EventScan, LearnsRarelyWhileNoEventIsLikeAnother) {
  EventScan scan;
  std::size_t noted = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string event = R"({"w":)" + std::to_string(i) + "}";
    ASSERT_FALSE(scan.is_like(as_bytes(event)));
    Handler handler;
    JsonReader json(&handler);
    JsonHoles* const holes = scan.begin();
    noted += holes != nullptr ? 1 : 0;
    json.note_holes(holes);
    (void)json.feed(as_bytes(event));
    ASSERT_EQ(json.finish(), JsonReader::Status::done);
    scan.end(as_bytes(event), true);
  }
  EXPECT_LT(noted, 100U);
  EXPECT_GT(noted, 20U);
}

// What follows reads streams twice: as they are, and with another unknown field in each event, so
// that no event is like another and all are parsed. The records have to be the same.

Record read(Wire wire, const std::vector<std::string>& events, bool is_marked) {
  ResponseFacts facts;
  facts.http_status = 200;
  facts.content_type = "text/event-stream";
  const auto reader = make_response_reader(wire, facts);
  std::size_t n = 0;
  for (const std::string& event : events) {
    std::string text = event;
    if (is_marked && text.size() > 2) {
      text.insert(1, "\"~" + std::to_string(n++) + "\":0,");
    }
    reader->feed(as_bytes("data: " + text + "\n\n"));
  }
  reader->finish();
  Record record;
  reader->fill(&record);
  record.outcome = reader->has_ended() ? Outcome::ok : Outcome::partial;
  return record;
}

class Random {
 public:
  explicit Random(std::uint32_t seed) : random_(seed) {}
  bool once_in(std::uint32_t n) { return random_() % n == 0; }
  template <std::size_t N>
  std::string pick(const char* const (&choices)[N]) {
    return choices[random_() % N];
  }
  std::string number() {
    static constexpr const char* kOdd[] = {
        "-1", "1.5", "40.0", "1e300", "null", "true", "\"12\"", "\"x\"", "18446744073709551615",
        "[]", "{}"};
    return once_in(12) ? pick(kOdd) : std::to_string(random_() % 5000);
  }
  std::string text() {
    static constexpr const char* kTexts[] = {
        "",         "hello",
        "a\\nb",    "{\\\"usage\\\":{\\\"total_tokens\\\":9}}",
        "\\u00e9",  "data: [DONE]",
        "\\ud800",  "usageMetadata",
        "\\\\\\\"", "long text without anything to it, long text, long"};
    return pick(kTexts);
  }

 private:
  std::mt19937 random_;
};

std::string google_event(Random* random, bool has_thoughts, bool is_wrapped) {
  const auto usage = [&] {
    return R"("usageMetadata":{"promptTokenCount":)" + random->number() + R"(,"totalTokenCount":)" +
           random->number() +
           (has_thoughts ? R"(,"thoughtsTokenCount":)" + random->number() : std::string()) +
           (random->once_in(9) ? R"(,"totalTokenCount":)" + random->number() : std::string()) +
           (random->once_in(6) ? R"(,"promptTokensDetails":[{"modality":"TEXT","tokenCount":)" +
                                     random->number() + "}]"
                               : std::string()) +
           "}";
  };
  const std::string part = random->once_in(8)
                               ? R"({"functionCall":{"name":"tool)" + random->number() + R"("}})"
                               : R"({"text":")" + random->text() + R"("})";
  std::string response = R"({"candidates":[{"content":{"parts":[)" + part + "]}" +
                         (random->once_in(15) ? R"(,"finishReason":"STOP")" : "") + "}]," +
                         usage() + R"(,"modelVersion":"m")" +
                         (random->once_in(20) ? R"(,"error":{"code":503})" : "") + "}";
  if (!is_wrapped) {
    return response;
  }
  std::string event = R"({"response":)" + response;
  if (random->once_in(10)) {
    event += R"(,"response":{"usageMetadata":{"promptTokenCount":)" + random->number() + "}}";
  }
  if (random->once_in(10)) {
    event += "," + usage();
  }
  if (random->once_in(10)) {
    event += R"(,"consumedCredits":[{"creditAmount":)" + random->number() + "}]";
  }
  return event + R"(,"traceId":"t"})";
}

std::string broken(Random* random, std::string event) {
  if (random->once_in(25)) {
    event.resize(event.size() - 1);
  }
  return event;
}

TEST(EventScanStreams, GooglesRecordIsThatOfAFullParse) {
  for (std::uint32_t seed = 0; seed < 120; ++seed) {
    Random random(seed);
    const bool has_thoughts = random.once_in(2);
    const bool is_wrapped = random.once_in(2);
    std::vector<std::string> events;
    for (int i = 0; i < 12; ++i) {
      events.push_back(
          broken(&random, google_event(&random, has_thoughts != random.once_in(9), is_wrapped)));
    }
    ASSERT_EQ(read(Wire::google, events, false), read(Wire::google, events, true)) << seed;
  }
}

TEST(EventScanStreams, TheOtherWiresRecordsAreThoseOfAFullParse) {
  for (std::uint32_t seed = 0; seed < 120; ++seed) {
    Random random(seed);
    std::vector<std::string> anthropic{
        R"({"type":"message_start","message":{"id":"i","model":"m","usage":{"input_tokens":3}}})"};
    std::vector<std::string> chat;
    std::vector<std::string> responses{R"({"type":"response.created","response":{"id":"r"}})"};
    std::vector<std::string> interactions;
    for (int i = 0; i < 12; ++i) {
      const std::string usage = R"("usage":{"input_tokens":)" + random.number() +
                                R"(,"output_tokens":)" + random.number() + "}";
      anthropic.push_back(random.once_in(5)
                              ? R"({"type":"message_delta",)" + usage + "}"
                              : R"({"type":"content_block_delta","index":)" + random.number() +
                                    R"(,"delta":{"text":")" + random.text() + R"("}})");
      chat.push_back(R"({"id":"c","created":)" + random.number() +
                     R"(,"choices":[{"delta":{"content":")" + random.text() + R"("}}],"usage":)" +
                     (random.once_in(2) ? "null"
                                        : R"({"prompt_tokens":)" + random.number() +
                                              R"(,"completion_tokens":)" + random.number() + "}") +
                     "}");
      responses.push_back(random.once_in(6)
                              ? R"({"type":"response.completed","response":{)" + usage + "}}"
                              : R"({"type":"response.output_text.delta","sequence_number":)" +
                                    random.number() + R"(,"delta":")" + random.text() + "\"," +
                                    usage + "}");
      interactions.push_back(
          random.once_in(6)
              ? R"({"event_type":"interaction.completed","interaction":{"usage":{"total_tokens":)" +
                    random.number() + "}}}"
              : R"({"event_type":"step.delta","delta":{"text":")" + random.text() + R"("}})");
    }
    for (auto* events : {&anthropic, &chat, &responses, &interactions}) {
      for (std::string& event : *events) {
        event = broken(&random, std::move(event));
      }
    }
    ASSERT_EQ(read(Wire::anthropic, anthropic, false), read(Wire::anthropic, anthropic, true))
        << seed;
    ASSERT_EQ(read(Wire::openai_chat, chat, false), read(Wire::openai_chat, chat, true)) << seed;
    ASSERT_EQ(read(Wire::openai_responses, responses, false),
              read(Wire::openai_responses, responses, true))
        << seed;
    ASSERT_EQ(read(Wire::interactions, interactions, false),
              read(Wire::interactions, interactions, true))
        << seed;
  }
}

TEST(EventScanStreams, TheNameOfAnEventCounts) {
  // Without a type in its data, the name says what an Anthropic event is.
  const auto reader = make_response_reader(Wire::anthropic, {});
  reader->feed(
      as_bytes("event: ping\ndata: {\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n"
               "event: message_delta\ndata: {\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n"));
  EXPECT_TRUE(reader->has_ended());
}

}  // namespace
}  // namespace agp::usage
