#include "daemon/relay/limits.h"
#include "daemon/relay/observer.h"
#include "tests/daemon/http2/wire.h"
#include "tests/daemon/websocket/wire.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::relay {
namespace {

namespace h2 = http2::wire;
namespace ws = websocket::wire;
using usage::Outcome;
using usage::Record;
using usage::UsageState;

ConnectionFacts facts(const std::string& protocol = "http/1.1") {
  return {"api.openai.com", protocol, 993, 1000, ""};
}

usage::Micros at(int n) {
  return usage::Micros(std::chrono::microseconds(1000 + n));
}

std::vector<Record> records(Observer* observer) {
  std::vector<Record> all;
  while (auto record = observer->next_record()) {
    record->started_at = record->ended_at = {};
    record->first_byte_at.reset();
    all.push_back(std::move(*record));
  }
  return all;
}

void feed(Observer* observer, Side from, std::string_view text) {
  const std::vector<char> owned(text.begin(), text.end());
  observer->on_bytes(from, as_bytes({owned.data(), owned.size()}), at(0));
}

const std::string kUpgrade =
    "GET /v1/responses HTTP/1.1\r\nHost: api.openai.com\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

std::string accepted(const std::string& extensions = "permessage-deflate") {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
         (extensions.empty() ? "" : "Sec-WebSocket-Extensions: " + extensions + "\r\n") + "\r\n";
}

std::string create(const std::string& model) {
  return R"({"type":"response.create","input":[{"text":"\"type\":\"x\"","model":"no"}],"model":")" +
         model + "\"}";
}

std::string completed(int input) {
  return R"({"type":"response.completed","response":{"id":"r","status":"completed","model":"gpt-5.3-codex","usage":{"input_tokens":)" +
         std::to_string(input) + R"(,"output_tokens":2,"total_tokens":)" +
         std::to_string(input + 2) + "}}}";
}

const std::string kDelta = R"({"type":"response.output_text.delta","delta":"abc"})";

std::string compressed(ws::Deflater* deflater, const std::string& text, bool is_masked) {
  return ws::fragmented(deflater->message(text), 11, is_masked, ws::kCompressed);
}

/// Two calls, one after the other: what each side sends behind the handshake.
std::pair<std::vector<std::string>, std::vector<std::string>> conversation() {
  ws::Deflater client;
  ws::Deflater server;
  std::pair<std::vector<std::string>, std::vector<std::string>> all;
  for (const int input : {10, 20}) {
    all.first.push_back(compressed(&client, create("gpt-5.3-codex"), true));
    all.second.push_back(compressed(&server, kDelta, false));
    all.second.back() += compressed(&server, completed(input), false);
  }
  return all;
}

void expect_calls(const std::vector<Record>& got, const std::string& protocol) {
  ASSERT_EQ(got.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(got[i].usage);
    EXPECT_EQ(got[i].usage->input_total, 10u * (i + 1));
    EXPECT_EQ(got[i].usage->output_total, 2u);
    EXPECT_EQ(got[i].usage_state, UsageState::final);
    EXPECT_EQ(got[i].outcome, Outcome::ok);
    EXPECT_EQ(got[i].api, usage::Api::responses);
    EXPECT_EQ(got[i].provider, usage::Provider::openai);
    EXPECT_EQ(got[i].path, "/v1/responses");
    EXPECT_EQ(got[i].protocol, protocol);
    EXPECT_EQ(got[i].model, "gpt-5.3-codex");
    EXPECT_TRUE(got[i].stream);
    EXPECT_EQ(got[i].flags, std::set<std::string>());
  }
}

TEST(ObserverWebSocket, EverySplitGivesOneRecordPerTerminalEvent) {
  const auto [out, in] = conversation();
  const std::string client = kUpgrade;
  const auto run = [&, &out = out, &in = in](std::size_t cut_out, std::size_t cut_in) {
    Observer observer(facts());
    const auto cut_feed = [&observer](Side from, const std::string& text, std::size_t cut) {
      cut = std::min(cut, text.size());
      feed(&observer, from, text.substr(0, cut));
      feed(&observer, from, text.substr(cut));
    };
    feed(&observer, Side::client, client);
    // The server may well send its answer in the same segment as the handshake's.
    cut_feed(Side::upstream, accepted(), cut_in);
    EXPECT_FALSE(observer.is_unparsed());
    EXPECT_FALSE(observer.is_idle());
    cut_feed(Side::client, out[0], cut_out);
    cut_feed(Side::upstream, in[0], cut_in);
    cut_feed(Side::client, out[1], cut_out);
    cut_feed(Side::upstream, in[1], cut_in);
    auto got = records(&observer);
    observer.on_end(Side::client, End::abrupt, at(1));
    observer.on_end(Side::upstream, End::abrupt, at(1));
    EXPECT_FALSE(observer.next_record());
    return got;
  };
  const auto whole = run(0, 0);
  expect_calls(whole, "http/1.1");
  ASSERT_EQ(whole.size(), 2u);
  EXPECT_EQ(whole[0].http_status, 101);
  EXPECT_EQ(whole[0].bytes_out, out[0].size());
  EXPECT_EQ(whole[0].bytes_in, in[0].size());
  EXPECT_EQ(whole[1].bytes_in, in[1].size());
  for (std::size_t cut = 0; cut <= out[0].size(); ++cut) {
    ASSERT_EQ(run(cut, 0), whole) << cut;
  }
  for (std::size_t cut = 0; cut <= std::max(in[0].size(), accepted().size()); ++cut) {
    ASSERT_EQ(run(0, cut), whole) << cut;
  }
}

TEST(ObserverWebSocket, OctetsBehindTheHandshakeInOneSegmentAreRead) {
  Observer observer(facts());
  feed(&observer, Side::client, kUpgrade);
  feed(&observer, Side::upstream, accepted("") + ws::text(R"({"type":"hello"})", false));
  feed(&observer, Side::client, ws::text(create("m"), true));
  feed(&observer, Side::upstream, ws::text(completed(5), false));
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].usage->input_total, 5u);
}

TEST(ObserverWebSocket, OverExtendedConnect) {
  const auto [out, in] = conversation();
  h2::Encoder client;
  h2::Encoder upstream;
  Observer observer(facts("h2"));
  feed(&observer, Side::client, std::string(h2::kPreface) + h2::settings());
  feed(&observer, Side::client,
       client.headers(1, {{":method", "CONNECT"},
                          {":protocol", "websocket"},
                          {":scheme", "https"},
                          {":path", "/v1/responses"},
                          {":authority", "api.openai.com"}}));
  feed(&observer, Side::upstream, h2::settings());
  feed(&observer, Side::upstream,
       upstream.headers(1,
                        {{":status", "200"}, {"sec-websocket-extensions", "permessage-deflate"}}));
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t from = 0; from < out[i].size(); from += 7) {
      feed(&observer, Side::client, h2::data(1, out[i].substr(from, 7)));
    }
    feed(&observer, Side::upstream, h2::padded_data(1, in[i], 3));
  }
  EXPECT_FALSE(observer.is_idle());
  expect_calls(records(&observer), "h2");
  feed(&observer, Side::client, h2::reset(1));
  EXPECT_TRUE(observer.is_idle());
  EXPECT_FALSE(observer.next_record());
}

TEST(ObserverWebSocket, ACallWithoutItsTerminalEventIsPartial) {
  for (const bool broken : {true, false}) {
    Observer observer(facts());
    feed(&observer, Side::client, kUpgrade);
    feed(&observer, Side::upstream, accepted(""));
    feed(&observer, Side::client, ws::text(create("gpt-x"), true));
    feed(&observer, Side::upstream,
         ws::text(R"({"type":"response.created","response":{"id":"r9"}})", false));
    feed(&observer, Side::upstream, ws::text(completed(5), false).substr(0, 40));
    if (broken) {
      feed(&observer, Side::client, ws::frame(0xF3, "x", true));
      EXPECT_TRUE(observer.is_unparsed());
    } else {
      observer.on_end(Side::upstream, End::clean, at(1));
    }
    const auto got = records(&observer);
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].outcome, Outcome::partial);
    EXPECT_EQ(got[0].usage_state, UsageState::none);
    EXPECT_EQ(got[0].response_id, "r9");
    EXPECT_EQ(got[0].model, "gpt-x");
    EXPECT_TRUE(got[0].flags.contains("truncated_body"));
    observer.on_end(Side::client, End::clean, at(2));
    EXPECT_FALSE(observer.next_record());
  }
}

TEST(ObserverWebSocket, ErrorsEndACallAndAreNoneWithoutOne) {
  const std::string error =
      ws::text(R"({"type":"error","status":429,"error":{"type":"rate_limit","code":"x"}})", false);
  Observer observer(facts());
  feed(&observer, Side::client, kUpgrade);
  feed(&observer, Side::upstream, accepted("") + error);
  EXPECT_FALSE(observer.next_record());
  feed(&observer, Side::client, ws::text(create("m"), true));
  feed(&observer, Side::upstream, error);
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].outcome, Outcome::error);
  EXPECT_EQ(got[0].error, (usage::CallError{"rate_limit", "x"}));
  // A successor that nobody asked for again ("steered") still counts.
  feed(&observer, Side::upstream, ws::text(completed(7), false));
  EXPECT_EQ(records(&observer).size(), 1u);
}

TEST(ObserverWebSocket, ClientEventsThatCreateNothingAreNoCalls) {
  Observer observer(facts());
  feed(&observer, Side::client, kUpgrade);
  feed(&observer, Side::upstream, accepted(""));
  for (const char* text :
       {R"({"type":"response.cancel"})", "no json", R"([{"type":"response.create"}])",
        R"({"x":{"type":"response.create"}})"}) {
    feed(&observer, Side::client, ws::text(text, true));
  }
  feed(&observer, Side::client, ws::frame(ws::kFinal | 2, create("m"), true));
  observer.on_end(Side::upstream, End::clean, at(1));
  EXPECT_FALSE(observer.next_record());
}

TEST(ObserverWebSocket, RequestsThatNobodyAnswersAreBounded) {
  Observer observer(facts());
  feed(&observer, Side::client, kUpgrade);
  feed(&observer, Side::upstream, accepted(""));
  for (std::size_t i = 0; i < kMaxWaitingTurns + 3; ++i) {
    feed(&observer, Side::client, ws::text(create("m"), true));
  }
  EXPECT_EQ(records(&observer).size(), 3u);
  observer.on_end(Side::upstream, End::clean, at(1));
  EXPECT_EQ(records(&observer).size(), kMaxWaitingTurns);
}

TEST(ObserverWebSocket, WhatCannotBeReadIsUnparsed) {
  for (const std::string& answer :
       {accepted("x-unknown"), accepted("permessage-deflate; what"), accepted("")}) {
    Observer observer(facts());
    const bool other_target = answer == accepted("");
    std::string upgrade = kUpgrade;
    if (other_target) {
      upgrade.replace(4, 13, "/v1/realtime?");
    }
    feed(&observer, Side::client, upgrade);
    feed(&observer, Side::upstream, answer);
    feed(&observer, Side::client, ws::text(create("m"), true));
    EXPECT_TRUE(observer.is_unparsed()) << answer;
    EXPECT_FALSE(observer.is_idle());
    EXPECT_FALSE(observer.next_record());
  }
}

TEST(ObserverWebSocket, ARefusedUpgradeLeavesTheConnectionToHttp) {
  Observer observer(facts());
  feed(&observer, Side::client, kUpgrade);
  feed(&observer, Side::upstream, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(observer.is_idle());
  feed(&observer, Side::client,
       "POST /v1/responses HTTP/1.1\r\nContent-Length: 15\r\n\r\n{\"model\":\"gpt\"}");
  const std::string body = completed(9).substr(completed(9).find("{\"id\""));
  const std::string json = body.substr(0, body.size() - 1);
  feed(&observer, Side::upstream,
       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(json.size()) + "\r\n\r\n" + json);
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].usage->input_total, 9u);
  EXPECT_EQ(got[0].flags, std::set<std::string>());
}

}  // namespace
}  // namespace agp::relay
