#include "daemon/coding/limits.h"
#include "daemon/sse/limits.h"
#include "tests/daemon/coding/support.h"
#include "tests/daemon/usage/conversation.h"
#include "tests/daemon/usage/heap_count.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

/// The rows of wire-formats section 6, a test for each. Rows 26 and 28 are about framing and have
/// their tests in tests/daemon/relay/edge_cases_test.cpp; of row 27 the half that a path decides is
/// here.
namespace agp::usage::test {
namespace {

using Counters = std::map<std::string, std::uint64_t>;

const std::string kGoogle =
    event(
        R"({"candidates":[{"content":{"parts":[{"text":"x"}]}}],"usageMetadata":{"promptTokenCount":812,"thoughtsTokenCount":28,"totalTokenCount":840},"modelVersion":"models/gemini-3-flash","responseId":"r"})") +
    event(
        R"({"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":812,"candidatesTokenCount":4,"thoughtsTokenCount":28,"totalTokenCount":844}})");

std::string message_start(const std::string& usage) {
  return named(
      "message_start",
      R"({"type":"message_start","message":{"id":"msg_1","model":"claude-sonnet-4-6","usage":)" +
          usage + "}}");
}

std::string message_delta(const std::string& usage, const std::string& stop = "\"end_turn\"") {
  return named("message_delta", R"({"type":"message_delta","delta":{"stop_reason":)" + stop +
                                    R"(},"usage":)" + usage + "}");
}

const std::string kMessageStop = named("message_stop", R"({"type":"message_stop"})");
const std::string kAnthropic =
    message_start(
        R"({"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":9000,"output_tokens":3})") +
    message_delta(R"({"output_tokens":57})") + kMessageStop;

std::string chunk(const std::string& choices, const std::string& usage = "null") {
  return event(R"({"id":"c","object":"chat.completion.chunk","model":"gpt-5.1","choices":[)" +
               choices + R"(],"usage":)" + usage + "}");
}

const std::string kStopChoice = R"({"index":0,"delta":{},"finish_reason":"stop"})";
const std::string kDone = "data: [DONE]\n\n";

std::string terminal(const std::string& status, const std::string& rest) {
  return named("response." + status, R"({"type":"response.)" + status +
                                         R"(","response":{"id":"resp_1","status":")" + status +
                                         R"(","model":"gpt-5.3-codex",)" + rest + "}}");
}

TEST(EdgeCase01, SplitAnywhere) {
  const std::string bodies[] = {"\xEF\xBB\xBF" + kGoogle,
                                "\xEF\xBB\xBF" + event("{\"x\":\"\xE2\x82\xAC\",\"usageMetadata\":"
                                                       "{\"promptTokenCount\":1.24e3}}\r\n\r\n")};
  for (const std::string& body : bodies) {
    Exchange exchange;
    exchange.body = body;
    const Record whole = read(exchange);
    ASSERT_TRUE(whole.usage);
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
      ASSERT_EQ(read(exchange, {cut}), whole) << cut;
    }
  }
}

TEST(EdgeCase02, BareAndMixedLineEnds) {
  const Record expected = read(Wire::google, kGoogle);
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    std::string body = "\xEF\xBB\xBF";
    for (const char c : kGoogle) {
      if (c != '\n') {
        body += c;
      } else if (body.back() == '\r') {
        body += random() % 2 == 0 ? "\r" : "\r\n";  // an LF here would belong to that CR
      } else {
        body += std::vector<std::string>{"\r", "\n", "\r\n"}[random() % 3];
      }
    }
    ASSERT_EQ(read(Wire::google, body), expected) << round;
  }
  std::string bare;
  std::replace_copy(kGoogle.begin(), kGoogle.end(), std::back_inserter(bare), '\n', '\r');
  EXPECT_EQ(read(Wire::google, bare), expected);
}

/// A call whose body comes in pieces, and what reading it took.
class Metered {
 public:
  explicit Metered(const std::string& coding = "") {
    ResponseFacts facts;
    facts.http_status = 200;
    facts.content_type = "text/event-stream";
    facts.content_encoding = coding;
    call_.on_response_head(facts);
    before_ = heap_count().in_use;
    reset_heap_count();
  }
  void feed(const std::string& body, std::size_t piece) {
    for (std::size_t at = 0; at < body.size(); at += piece) {
      call_.on_response_body(as_bytes(std::string_view(body).substr(at, piece)), {});
    }
  }
  [[nodiscard]] std::size_t most_held() const { return heap_count().most - before_; }
  [[nodiscard]] Record finish() {
    Call::End end;
    end.body_complete = true;
    return call_.finish(end);
  }

 private:
  Call call_{Endpoint{Provider::google, Api::code_assist, Wire::google, false, "m"}, CallFacts()};
  std::size_t before_ = 0;
};

std::string image_event(std::size_t size) {
  std::mt19937 random(3);
  std::string image(size, 'A');
  for (char& c : image) {
    c = static_cast<char>('A' + random() % 26);  // what does not compress a thousandfold
  }
  return event(
      R"({"candidates":[{"content":{"parts":[{"inlineData":{"data":")" + image +
      R"("}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":1290}})");
}

// threat-model 65
TEST(EdgeCase03, AnEventOfManyMegabytes) {
  Exchange exchange;
  exchange.body = coding::pack(image_event(11 << 20), coding::kGzip);
  exchange.coding = "gzip";
  const Record record = read(exchange, {1000, 2000, 3000});
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(record.usage->output_total, 1290u);
  EXPECT_EQ(record.flags, Flags());
}

// The pieces are small: who looked at the event from its beginning with each of them would look at
// hundreds of gigabytes. A buffer that grows as it should has taken a few times the event in all.
TEST(EdgeCase03, MemoryIsBoundedByTheEventAndWorkIsLinear) {
  std::size_t taken[2] = {};
  for (const std::size_t doubled : {0u, 1u}) {
    const std::size_t size = std::size_t{6 << 20} << doubled;
    const std::string body = coding::pack(image_event(size), coding::kGzip);
    Metered metered("gzip");
    metered.feed(body, 256);
    EXPECT_LE(metered.most_held(), 3 * size + (1 << 20))
        << "the old and the new buffer as it grows";
    taken[doubled] = heap_count().in_all;
    EXPECT_LE(taken[doubled], 6 * size);
    EXPECT_LE(heap_count().requests, 1000u) << "none for each piece";
    const Record record = metered.finish();
    ASSERT_TRUE(record.usage);
    EXPECT_EQ(record.usage->output_total, 1290u);
  }
  EXPECT_LE(taken[1], 3 * taken[0]);
}

// threat-model 65
TEST(EdgeCase03, AnEventAboveTheCapHoldsNoMoreThanTheCap) {
  const std::string megabyte(1 << 20, 'x');
  std::size_t at_the_cap = 0;
  for (const std::size_t times : {1u, 4u}) {
    Metered metered;
    metered.feed("data: {\"x\":\"", 100);
    for (std::size_t sent = 0; sent < times * sse::kMaxEventBytes + megabyte.size();
         sent += megabyte.size()) {
      metered.feed(megabyte, 16384);
    }
    EXPECT_LE(metered.most_held(), 3 * sse::kMaxEventBytes);
    if (times == 1) {
      at_the_cap = heap_count().in_all;
    } else {
      EXPECT_LE(heap_count().in_all, at_the_cap + (1 << 20)) << "above the cap nothing is kept";
    }
    metered.feed("\"}\n\n" + kGoogle, 100);
    EXPECT_EQ(metered.finish().flags, Flags{"event_too_large"});
  }
}

TEST(EdgeCase04, SeveralMembersAndFrames) {
  const std::size_t half = kGoogle.size() / 2;
  const Record expected = read(Wire::google, kGoogle);
  Exchange exchange;
  exchange.coding = "gzip";
  exchange.body = coding::pack(kGoogle.substr(0, half), coding::kGzip) +
                  coding::pack(kGoogle.substr(half), coding::kGzip);
  EXPECT_EQ(read(exchange), expected);
  exchange.coding = "zstd";
  exchange.body =
      coding::pack_zstd(kGoogle.substr(0, half)) + coding::pack_zstd(kGoogle.substr(half));
  EXPECT_EQ(read(exchange), expected);
}

TEST(EdgeCase05, CodingsNamedMissingAndUnknown) {
  const Record expected = read(Wire::google, kGoogle);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"br", coding::pack_br(kGoogle)},
      {"zstd", coding::pack_zstd(kGoogle)},
      {"gzip", coding::pack(kGoogle, coding::kGzip)},
      {"", coding::pack(kGoogle, coding::kGzip)},
      {"", coding::pack_zstd(kGoogle)},
      {"gzip, br", coding::pack_br(coding::pack(kGoogle, coding::kGzip))}};
  for (const auto& [name, body] : cases) {
    Exchange exchange;
    exchange.coding = name;
    exchange.body = body;
    EXPECT_EQ(read(exchange), expected) << name;
  }
  Exchange unknown;
  unknown.coding = "dcb";
  unknown.body = kGoogle;
  const Record record = read(unknown);
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_FALSE(record.usage);
  EXPECT_TRUE(record.flags.contains("decode_error"));
  unknown.status = 500;
  EXPECT_EQ(read(unknown).outcome, Outcome::error);
}

TEST(EdgeCase06, ACodingWithoutItsTrailer) {
  // Both events are out before the end: servers flush after each.
  for (const bool is_clean : {true, false}) {
    Exchange exchange;
    exchange.body_complete = is_clean;
    exchange.coding = "gzip";
    exchange.body = coding::pack(kGoogle, coding::kGzip, Z_SYNC_FLUSH);
    Record record = read(exchange);
    EXPECT_EQ(record.outcome, Outcome::ok);  // the terminal marker had come
    EXPECT_EQ(record.usage->total, 844u);
    EXPECT_EQ(record.flags, Flags{"truncated_body"});
    exchange.coding = "zstd";
    exchange.body = coding::pack_zstd(kGoogle.substr(0, kGoogle.find("\n\n") + 2), ZSTD_e_flush);
    record = read(exchange);
    EXPECT_EQ(record.outcome, Outcome::partial);
    EXPECT_EQ(record.usage_state, UsageState::provisional);
    EXPECT_EQ(record.flags, Flags{"truncated_body"});
  }
}

TEST(EdgeCase07, NullsTakeNothingBack) {
  const Record google =
      read(Wire::google, kGoogle + event(R"({"usageMetadata":null})") +
                             event(R"({"usageMetadata":{"promptTokenCount":null}})"));
  EXPECT_EQ(google.usage, read(Wire::google, kGoogle).usage);
  const Record anthropic = read(
      Wire::anthropic, kAnthropic + message_delta(R"({"input_tokens":null,"output_tokens":null})") +
                           message_delta("null"));
  EXPECT_EQ(anthropic.usage, read(Wire::anthropic, kAnthropic).usage);
  const Record chat =
      read(Wire::openai_chat, chunk(kStopChoice, R"({"prompt_tokens":5,"completion_tokens":7})") +
                                  chunk("", "null") + kDone);
  EXPECT_EQ(chat.usage->total, 12u);
  EXPECT_EQ(chat.flags, Flags());
}

TEST(EdgeCase08, TheSameUsageInSeveralEvents) {
  EXPECT_EQ(read(Wire::google, kGoogle + kGoogle).usage, read(Wire::google, kGoogle).usage);
  const std::string input = R"({"input_tokens":12,"cache_read_input_tokens":9000,"output_tokens":)";
  const Record anthropic =
      read(Wire::anthropic, message_start(input + "3}") + message_delta(input + "20}", "null") +
                                message_delta(input + "57}") + kMessageStop);
  EXPECT_EQ(anthropic.usage->input_total, 9012u);
  EXPECT_EQ(anthropic.usage->output_total, 57u);
  std::string chat;
  for (int i = 1; i <= 3; ++i) {
    chat += chunk(R"({"index":0,"delta":{"content":"x"},"finish_reason":null})",
                  R"({"prompt_tokens":50,"completion_tokens":)" + std::to_string(i) + "}");
  }
  EXPECT_EQ(read(Wire::openai_chat, chat + chunk(kStopChoice) + kDone).usage->total, 53u);
}

TEST(EdgeCase09, TheLastSnapshotIsSmallerOrLacksFields) {
  const Record record = read(
      Wire::google,
      event(R"({"usageMetadata":{"promptTokenCount":900,"thoughtsTokenCount":30}})") +
          event(
              R"({"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":800,"candidatesTokenCount":3}})"));
  EXPECT_EQ(record.usage->input_total, 800u);
  EXPECT_EQ(record.usage->reasoning, 30u);
  EXPECT_EQ(record.usage->output_total, 33u);
}

TEST(EdgeCase10, OnlyATrafficTypeAtFirst) {
  const std::string early = event(R"({"usageMetadata":{"trafficType":"ON_DEMAND"}})");
  const Record record = read(Wire::google, early);
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(*record.usage, [] {
    Usage zero;
    zero.reasoning = 0;
    return zero;
  }());
  EXPECT_EQ(record.usage_state, UsageState::provisional);
  EXPECT_EQ(record.service_tier, "on_demand");
  EXPECT_EQ(read(Wire::google, early + kGoogle).usage->total, 844u);
}

TEST(EdgeCase11, UsageInOrBeforeAnError) {
  const Record failed = read(
      Wire::openai_responses,
      terminal(
          "failed",
          R"("error":{"code":"server_error","message":"m"},"usage":{"input_tokens":9,"output_tokens":1})"));
  EXPECT_EQ(failed.outcome, Outcome::error);
  EXPECT_EQ(failed.error, (CallError{"server_error", "server_error"}));
  EXPECT_EQ(failed.usage->total, 10u);
  EXPECT_EQ(failed.usage_state, UsageState::final);
  EXPECT_EQ(failed.finish, Finish::error);

  const Record overloaded = read(
      Wire::anthropic,
      message_start(R"({"input_tokens":12,"output_tokens":3})") +
          named(
              "error",
              R"({"type":"error","error":{"type":"overloaded_error","message":"secret"},"request_id":"req_1"})"));
  EXPECT_EQ(overloaded.outcome, Outcome::error);
  EXPECT_EQ(overloaded.error, (CallError{"overloaded_error", ""}));
  EXPECT_EQ(overloaded.usage->input_total, 12u);
  EXPECT_EQ(overloaded.usage_state, UsageState::provisional);
  EXPECT_EQ(overloaded.request_id, "req_1");

  const std::string error =
      "{\n  \"error\": {\n    \"code\": 503,\n    \"status\": \"UNAVAILABLE\"\n  }\n}";
  for (const std::string& tail :
       {event(R"({"error":{"code":503,"status":"UNAVAILABLE"}})"), error, error + "\n\n"}) {
    const Record shed =
        read(Wire::google, event(R"({"usageMetadata":{"promptTokenCount":812}})") + tail);
    EXPECT_EQ(shed.outcome, Outcome::error);
    EXPECT_EQ(shed.error, (CallError{"UNAVAILABLE", "503"})) << tail;
    EXPECT_EQ(shed.usage->input_total, 812u);
    EXPECT_EQ(shed.usage_state, UsageState::provisional);
  }

  const Record chat = read(Wire::openai_chat,
                           chunk("", R"({"prompt_tokens":5})") +
                               event(R"({"error":{"type":"server_error","code":null}})") + kDone);
  EXPECT_EQ(chat.outcome, Outcome::error);
  EXPECT_EQ(chat.error, (CallError{"server_error", ""}));
  EXPECT_EQ(chat.usage_state, UsageState::provisional);
}

TEST(EdgeCase12, NoiseBetweenEvents) {
  std::mt19937 random(12);
  for (const Kind kind : kKinds) {
    const Conversation made = make_conversation(kind, &random, "x");
    std::string noisy;
    for (const std::string& noise : noise_of(kind)) {
      noisy += noise;
    }
    for (const std::string& one : made.events) {
      noisy += one;
      for (const std::string& noise : noise_of(kind)) {
        noisy += noise;
      }
    }
    EXPECT_EQ(read(wire_of(kind), noisy), read(wire_of(kind), made.stream())) << noisy;
  }
}

// threat-model 65
TEST(EdgeCase13, NumbersThatAreNone) {
  struct Case {
    Wire wire;
    std::string before, after;  // of the number
  };
  const Case cases[] = {
      {Wire::google, R"({"usageMetadata":{"promptTokenCount":)", "}}"},
      {Wire::anthropic, R"({"type":"message","usage":{"input_tokens":)", "}}"},
      {Wire::openai_chat, R"({"choices":[],"usage":{"prompt_tokens":)", "}}"},
      {Wire::openai_responses, R"({"status":"completed","usage":{"input_tokens":)", "}}"},
      {Wire::interactions, R"({"status":"completed","usage":{"total_input_tokens":)", "}}"}};
  for (const Case& c : cases) {
    const auto with = [&c](const std::string& number) {
      return read(c.wire, c.before + number + c.after, kJson);
    };
    for (const char* bad :
         {"-1", "1.5", "true", "1e300", "18446744073709551615", "[7]", R"({"x":7})", R"("x")",
          R"("12345678901234")", R"("")", "1000000000001"}) {
      const Record record = with(bad);
      ASSERT_TRUE(record.usage) << bad;
      EXPECT_EQ(record.usage->input_total, 0u) << bad;
      EXPECT_TRUE(record.flags.contains("bad_number")) << bad;
      EXPECT_EQ(record.reported, Counters()) << bad;
    }
    for (const auto& [good, value] :
         std::map<std::string, std::uint64_t>{{R"("1200")", 1200},
                                              {"40.0", 40},
                                              {"1.24e3", 1240},
                                              {"1000000000000", 1000000000000},
                                              {"null", 0}}) {
      const Record record = with(good);
      EXPECT_EQ(record.usage->input_total, value) << good;
      EXPECT_FALSE(record.flags.contains("bad_number")) << good;
    }
  }
}

TEST(EdgeCase14, PartsLargerThanTheWhole) {
  const Record cached = read(
      Wire::openai_chat,
      R"({"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":9}}})",
      kJson);
  EXPECT_EQ(cached.usage->input_uncached, 0u);
  EXPECT_EQ(cached.usage->cached_input, 64u);
  EXPECT_EQ(cached.usage->reasoning, 9u);
  EXPECT_EQ(cached.reported.at("prompt_tokens_details.cached_tokens"), 64u);
  EXPECT_TRUE(cached.flags.contains("partition_mismatch"));
  // The split of what was written to the cache: the total is kept.
  const Record written = read(
      Wire::anthropic,
      R"({"type":"message","stop_reason":"end_turn","usage":{"input_tokens":1,"cache_creation_input_tokens":100,"cache_creation":{"ephemeral_5m_input_tokens":30,"ephemeral_1h_input_tokens":50},"output_tokens":1}})",
      kJson);
  EXPECT_EQ(written.usage->cache_write, 100u);
  EXPECT_EQ(written.usage->cache_write_by_ttl, (Counters{{"5m", 30}, {"1h", 50}}));
  EXPECT_EQ(written.usage->input_total, 101u);
  EXPECT_TRUE(written.flags.contains("partition_mismatch"));
}

TEST(EdgeCase15, ModelNamesMissingEmptyPrefixedAndHuge) {
  const auto with = [](const std::string& model, const std::string& request) {
    Exchange exchange;
    exchange.type = kJson;
    exchange.body = R"({"modelVersion":)" + model + "}";
    exchange.request = request;
    return read(exchange);
  };
  EXPECT_EQ(with(R"("models/gemini-3")", "{}").model, "gemini-3");
  EXPECT_EQ(with(R"("")", R"({"model":"a"})").model, "a");
  EXPECT_EQ(with("null", R"({"model":"a"})").model_source, ModelSource::request);
  EXPECT_EQ(with(R"("models/")", R"({"model":"a"})").model, "a");
  const Record missing = with(R"("")", R"({"model":""})");
  EXPECT_FALSE(missing.model);
  EXPECT_FALSE(missing.model_source);
  EXPECT_TRUE(missing.flags.contains("model_missing"));
  EXPECT_EQ(with('"' + std::string(1 << 20, 'm') + '"', "{}").model, std::string(256, 'm'));
}

TEST(EdgeCase16, TextThatLooksLikeUsage) {
  for (const Kind kind : kKinds) {
    std::mt19937 one(16);
    std::mt19937 other(16);
    const Conversation made = make_conversation(kind, &one, "x");
    const Conversation trap = make_conversation(kind, &other, treacherous_text());
    EXPECT_EQ(read(wire_of(kind), trap.stream()), read(wire_of(kind), made.stream()));
  }
  // The same in the arguments of a tool.
  const std::string arguments = R"("{\"usage\":{\"prompt_tokens\":9}}\n\ndata: [DONE]")";
  const Record record = read(
      Wire::openai_chat,
      chunk(
          R"({"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":)" +
          arguments + R"(}}]},"finish_reason":null})"));
  EXPECT_EQ(record.outcome, Outcome::partial);
  EXPECT_FALSE(record.usage);
}

TEST(EdgeCase17, TheLastEventIsNotTerminated) {
  for (const Kind kind : kKinds) {
    std::mt19937 random(17);
    Conversation made = make_conversation(kind, &random, "x");
    const Record expected = read(wire_of(kind), made.stream());
    for (int n = 1; n <= 2; ++n) {
      made.events.back().pop_back();
      Record record = read(wire_of(kind), made.stream());
      EXPECT_EQ(record.flags, Flags{"unterminated_event"}) << made.stream();
      record.flags.clear();
      EXPECT_EQ(record, expected);
    }
  }
}

TEST(EdgeCase18, ACutInsideAnEvent) {
  Exchange exchange;
  exchange.body = kGoogle.substr(0, kGoogle.find("\n\n") + 60);
  exchange.body_complete = false;
  const Record record = read(exchange);
  EXPECT_EQ(record.outcome, Outcome::partial);
  EXPECT_EQ(record.usage_state, UsageState::provisional);
  EXPECT_EQ(record.usage->total, 840u);
  EXPECT_EQ(record.flags, (Flags{"truncated_body", "unterminated_event"}));
}

TEST(EdgeCase19, BodiesWithoutAnAnswer) {
  for (const Kind kind : kKinds) {
    const Wire wire = wire_of(kind);
    EXPECT_FALSE(read(wire, "<html>usage</html>", "text/html").usage);
    EXPECT_FALSE(read(wire, "{}", kJson).usage);
    const Record empty = read(wire, "");
    EXPECT_FALSE(empty.usage);
    EXPECT_EQ(empty.outcome, Outcome::partial);
    Exchange down;
    down.wire = wire;
    down.status = 502;
    down.type = "text/html";
    down.body = "<html>Bad Gateway</html>";
    const Record record = read(down);
    EXPECT_EQ(record.outcome, Outcome::error);
    EXPECT_EQ(record.error, (CallError{"http_error", "502"}));
    EXPECT_FALSE(record.usage);
  }
}

TEST(EdgeCase20, AJsonErrorLabelledAsAStream) {
  Exchange exchange;
  exchange.status = 503;
  exchange.body =
      "{\n  \"error\": {\n    \"code\": 503,\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n";
  const Record record = read(exchange);
  EXPECT_EQ(record.error, (CallError{"UNAVAILABLE", "503"}));
  EXPECT_FALSE(record.stream);
}

TEST(EdgeCase21, JsonArrays) {
  const std::string first = R"({"usageMetadata":{"promptTokenCount":9}})";
  const std::string last =
      R"({"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":2}})";
  const Record whole = read(Wire::google, "[" + first + ",\r\n" + last + "]", kJson);
  EXPECT_EQ(whole.usage->total, 11u);
  EXPECT_EQ(whole.usage_state, UsageState::final);
  EXPECT_TRUE(whole.stream);
  const Record cut = read(Wire::google, "[" + first + ",\r\n" + last.substr(0, 70), kJson);
  EXPECT_EQ(cut.usage->total, 9u);
  EXPECT_EQ(cut.usage_state, UsageState::provisional);
  EXPECT_EQ(cut.outcome, Outcome::partial);
  const Record none = read(Wire::google, "[]", kJson);
  EXPECT_EQ(none.outcome, Outcome::partial);
  EXPECT_FALSE(none.usage);
  const std::string error = R"([{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}])";
  EXPECT_EQ(read(Wire::google, error, kJson).error, (CallError{"RESOURCE_EXHAUSTED", "429"}));
  EXPECT_EQ(read(Wire::openai_chat, error, kJson).error, (CallError{"RESOURCE_EXHAUSTED", "429"}));
}

// threat-model 65
TEST(EdgeCase22, BrokenEvents) {
  const std::string nested = std::string(5000, '[');
  for (const std::string& bad :
       {std::string("42"), std::string("\"message\""), std::string("{\"x\""), nested,
        "{\"x\":" + nested + "}", std::string("{\"x\":\"\0\"}", 9)}) {
    Record record = read(Wire::google, event(bad) + kGoogle);
    EXPECT_EQ(record.flags, Flags{"bad_event"}) << bad.substr(0, 20);
    record.flags.clear();
    EXPECT_EQ(record, read(Wire::google, kGoogle));
  }
  // Invalid UTF-8 costs nothing.
  const Record record = read(
      Wire::google, event("{\"x\":\"\xFF\xC3\x28\",\"usageMetadata\":{\"promptTokenCount\":7}}"));
  EXPECT_EQ(record.usage->input_total, 7u);
  EXPECT_FALSE(record.flags.contains("bad_event"));
}

TEST(EdgeCase23, UsageAfterTheFinishAndFinishWithoutUsage) {
  const std::string finish = event(R"({"candidates":[{"finishReason":"STOP"}]})");
  const Record without = read(Wire::google, finish);
  EXPECT_EQ(without.outcome, Outcome::ok);
  EXPECT_FALSE(without.usage);
  EXPECT_TRUE(without.flags.contains("usage_missing"));
  const Record after =
      read(Wire::google, finish + event(R"({"usageMetadata":{"promptTokenCount":9}})"));
  EXPECT_EQ(after.usage->input_total, 9u);
  EXPECT_EQ(after.usage_state, UsageState::final);
  EXPECT_FALSE(after.flags.contains("usage_missing"));
}

TEST(EdgeCase24, AStreamWithoutIncludeUsage) {
  const Record record = read(
      Wire::openai_chat,
      event(
          R"({"id":"c","object":"chat.completion.chunk","model":"gpt-5.1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})") +
          kDone);
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_EQ(record.usage_state, UsageState::none);
  EXPECT_FALSE(record.usage);
  EXPECT_EQ(record.reported, Counters());
  EXPECT_EQ(record.flags, Flags{"usage_missing"});
}

TEST(EdgeCase25, SeveralChoicesAndInterleavedFragments) {
  const auto fragment = [](int choice, int index, const std::string& function) {
    return chunk(R"({"index":)" + std::to_string(choice) + R"(,"delta":{"tool_calls":[{"index":)" +
                 std::to_string(index) + R"(,"function":)" + function +
                 R"(}]},"finish_reason":null})");
  };
  const Record chat = read(
      Wire::openai_chat,
      fragment(0, 0, R"({"name":"read","arguments":""})") +
          fragment(1, 0, R"({"name":"write","arguments":""})") +
          fragment(0, 0, R"({"arguments":"{\"name\":"})") +
          fragment(0, 1, R"({"name":"read","arguments":"{}"})") +
          chunk(
              R"({"index":1,"delta":{},"finish_reason":"tool_calls"},{"index":0,"delta":{},"finish_reason":"tool_calls"})") +
          chunk("", R"({"prompt_tokens":50,"completion_tokens":70,"total_tokens":120})") + kDone);
  EXPECT_EQ(chat.tool_calls, (std::vector<std::string>{"read", "write"}));
  EXPECT_EQ(chat.usage->total, 120u);
  EXPECT_EQ(chat.finish, Finish::tool_use);
  const Record google = read(
      Wire::google,
      event(
          R"({"candidates":[{"index":0,"content":{"parts":[{"functionCall":{"name":"a"}}]},"finishReason":"STOP"},{"index":1,"content":{"parts":[{"functionCall":{"name":"b"}}]},"finishReason":"STOP"}],"usageMetadata":{"candidatesTokenCount":8}})"));
  EXPECT_EQ(google.tool_calls, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(google.usage->output_total, 8u);
}

TEST(EdgeCase27, WhatIsNoModelCall) {
  EXPECT_FALSE(classify("api.openai.com", "GET", "/v1/responses/resp_1"));
  EXPECT_FALSE(
      classify("api.openai.com", "GET", "/v1/responses/resp_1?stream=true&starting_after=4"));
  EXPECT_FALSE(classify("api.openai.com", "GET", "/v1/models"));
  EXPECT_FALSE(classify("api.openai.com", "POST", "/v1/responses/input_tokens"));
  EXPECT_FALSE(classify("api.anthropic.com", "POST", "/v1/messages/count_tokens?beta=true"));
  EXPECT_FALSE(
      classify("aiplatform.googleapis.com", "POST",
               "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict"));
  EXPECT_FALSE(
      classify("generativelanguage.googleapis.com", "POST", "/v1beta/models/m:countTokens"));
  EXPECT_FALSE(classify("generativelanguage.googleapis.com", "GET", "/v1beta/interactions/int_1"));
  EXPECT_FALSE(classify("daily-cloudcode-pa.googleapis.com", "POST", "/v1internal:countTokens"));
}

// threat-model 64
// threat-model 65
TEST(EdgeCase29, BombsEndlessLinesAndEndlessStreams) {
  Exchange bomb;
  bomb.coding = "gzip";
  bomb.body = coding::pack(event(std::string(24 << 20, ' ')) + kGoogle, coding::kGzip);
  EXPECT_TRUE(read(bomb).flags.contains("decode_error"));

  // What goes by after a line that is too long counts.
  Call call(Endpoint{Provider::google, Api::code_assist, Wire::google, false, "m"}, CallFacts());
  ResponseFacts facts;
  facts.http_status = 200;
  facts.content_type = "text/event-stream";
  call.on_response_head(facts);
  call.on_response_body(as_bytes("data: {\"x\":\""), {});
  const std::string megabyte(1 << 20, 'x');
  for (int i = 0; i < 40; ++i) {
    call.on_response_body(as_bytes(megabyte), {});
  }
  call.on_response_body(as_bytes("\"}\n\n" + kGoogle), {});
  Call::End end;
  end.body_complete = true;
  const Record record = call.finish(end);
  EXPECT_EQ(record.flags, Flags{"event_too_large"});
  EXPECT_EQ(record.usage->total, 844u);

  std::string tiny;
  for (int i = 0; i < 10000; ++i) {
    tiny += "data: {}\n\n";
  }
  EXPECT_EQ(read(Wire::google, tiny + kGoogle), read(Wire::google, kGoogle));
}

// A gzip member of 64 MiB of blanks, again and again: 10 GB to who believes it. It is read until
// the ratio is passed, which is known from counts, and then costs nothing however much more comes.
// threat-model 64
TEST(EdgeCase29, ABombOfTenGigabytesCostsItsBudget) {
  const std::string member = coding::pack(std::string(64 << 20, ' '), coding::kGzip);
  ASSERT_LT(member.size(), std::size_t{100} << 10);
  constexpr std::size_t kMembers = 160;
  for (const bool in_one_event : {true, false}) {
    SCOPED_TRACE(in_one_event ? "an event" : "white space");
    Metered metered("gzip");
    if (in_one_event) {
      metered.feed(coding::pack("data: ", coding::kGzip), 100);
    }
    metered.feed(member, 1024);
    const std::size_t taken = heap_count().in_all;
    const std::size_t requests = heap_count().requests;
    EXPECT_LE(metered.most_held(), 3 * coding::kRatioGrace + (1 << 20))
        << "no more than what may come out before the ratio counts";
    for (std::size_t i = 1; i < kMembers; ++i) {
      metered.feed(member, 16384);
    }
    EXPECT_EQ(heap_count().in_all, taken) << "nothing is decoded any more";
    EXPECT_EQ(heap_count().requests, requests);
    EXPECT_TRUE(metered.finish().flags.contains("decode_error"));
  }
}

// threat-model 65
TEST(EdgeCase29, AnEndlessStreamOfTinyEventsTakesNoMemory) {
  std::string tiny;
  for (int i = 0; i < 10000; ++i) {
    tiny += "data: {}\n\n";
  }
  Metered metered;
  metered.feed(kGoogle + tiny, 1000);
  const std::size_t held = metered.most_held();
  for (int i = 0; i < 20; ++i) {
    metered.feed(tiny, 1000);
  }
  EXPECT_EQ(metered.most_held(), held);
  EXPECT_LE(held, 1u << 18);
  EXPECT_EQ(metered.finish().usage->total, 844u);
}

TEST(EdgeCase30, IterationsWithCompactionAndAdvisor) {
  const std::string iterations =
      R"([{"type":"message","input_tokens":400,"output_tokens":40},)"
      R"({"type":"compaction","input_tokens":180000,"cache_read_input_tokens":5,"output_tokens":3500},)"
      R"({"type":"advisor_message","model":"claude-opus-5","input_tokens":900,"output_tokens":70},)"
      R"({"type":"new_kind","input_tokens":1,"output_tokens":1}])";
  const std::string usage =
      R"({"input_tokens":400,"output_tokens":40,"iterations":)" + iterations + "}";
  const Record json =
      read(Wire::anthropic,
           R"({"type":"message","model":"claude-sonnet-5","stop_reason":"end_turn","usage":)" +
               usage + "}",
           kJson);
  EXPECT_EQ(json.usage->total, 440u);
  ASSERT_EQ(json.additional_usage.size(), 2u);
  EXPECT_EQ(json.additional_usage[0].kind, "compaction");
  EXPECT_FALSE(json.additional_usage[0].model);
  EXPECT_EQ(json.additional_usage[0].usage.input_total, 180005u);
  EXPECT_EQ(json.additional_usage[0].usage.output_total, 3500u);
  EXPECT_EQ(json.additional_usage[1].kind, "advisor_message");
  EXPECT_EQ(json.additional_usage[1].model, "claude-opus-5");
  EXPECT_EQ(json.additional_usage[1].usage.total, 970u);
  EXPECT_EQ(json.reported, (Counters{{"input_tokens", 400}, {"output_tokens", 40}}));
  const Record stream =
      read(Wire::anthropic, message_start(R"({"input_tokens":400,"output_tokens":1})") +
                                message_delta(usage, "null") + message_delta(usage) + kMessageStop);
  EXPECT_EQ(stream.usage, json.usage);
  EXPECT_EQ(stream.additional_usage, json.additional_usage);
}

TEST(EdgeCase31, CreditsInSeveralEvents) {
  const std::string credits =
      R"({"response":{},"consumedCredits":[{"creditType":"GOOGLE_ONE_AI","creditAmount":"2"}],"remainingCredits":[{"creditAmount":"50"}]})";
  EXPECT_EQ(read(Wire::google, event(credits) + event(credits)).credits_consumed, 4u);
  EXPECT_FALSE(read(Wire::google, kGoogle).credits_consumed);
}

TEST(EdgeCase32, TwoStartsInOneBody) {
  const Record record =
      read(Wire::anthropic,
           message_start(R"({"input_tokens":12,"cache_read_input_tokens":7,"output_tokens":3})") +
               message_start(R"({"input_tokens":20,"output_tokens":1})") +
               message_delta(R"({"output_tokens":57})") + kMessageStop);
  EXPECT_EQ(record.usage->input_uncached, 20u);
  EXPECT_EQ(record.usage->cached_input, 7u);
  EXPECT_EQ(record.usage->output_total, 57u);
  EXPECT_EQ(record.outcome, Outcome::ok);
}

}  // namespace
}  // namespace agp::usage::test
