#include "daemon/relay/observer.h"
#include "tests/daemon/http2/wire.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::relay {
namespace {

namespace wire = http2::wire;
using usage::Micros;
using usage::Outcome;
using usage::Record;
using usage::UsageState;

constexpr std::string_view kHost = "daily-cloudcode-pa.googleapis.com";
constexpr const char* kPath = "/v1internal:streamGenerateContent?alt=sse";

ConnectionFacts facts(const std::string& protocol = "h2") {
  return {std::string(kHost), protocol, 993, 1000, "ls-1"};
}

Micros at(int n) {
  return Micros(std::chrono::microseconds(1000 + n));
}

const std::string kBody =
    R"({"requestId":"agent/11111111-2222/1795000000000/33333333-4444/7","model":"gemini-3-flash","requestType":"agent"})";
const std::string kFirst =
    "data: {\"response\": {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"hm\"}]}}],"
    "\"usageMetadata\": {\"promptTokenCount\": 812, \"thoughtsTokenCount\": 28}}}\r\n\r\n";
const std::string kLast =
    "data: {\"response\": {\"candidates\": [{\"finishReason\": \"STOP\"}],\"usageMetadata\": "
    "{\"promptTokenCount\": 812, \"candidatesTokenCount\": 4, \"totalTokenCount\": 844, "
    "\"thoughtsTokenCount\": 28},\"modelVersion\": \"gemini-3-flash\"}}\r\n\r\n";

std::vector<Record> records(Observer* observer) {
  std::vector<Record> all;
  while (auto record = observer->next_record()) {
    record->started_at = record->ended_at = {};
    record->first_byte_at.reset();
    all.push_back(std::move(*record));
  }
  return all;
}

void feed(Observer* observer, Side from, std::string_view text, Micros now = at(0)) {
  const std::vector<char> owned(text.begin(), text.end());
  observer->on_bytes(from, as_bytes({owned.data(), owned.size()}), now);
}

struct Peers {
  std::string out = std::string(wire::kPreface) + wire::settings() + wire::settings_ack();
  std::string in = wire::settings() + wire::settings_ack();
  wire::Encoder client;
  wire::Encoder upstream;

  std::string call(std::uint32_t id) {
    return client.headers(id, wire::request(kPath)) + wire::body(id, kBody, 40);
  }
  std::string answer(std::uint32_t id, const std::string& body = kFirst + kLast) {
    return upstream.headers(id, wire::response()) + wire::body(id, body, 60);
  }
};

void expect_reference(const Record& record) {
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(record.usage->input_total, 812u);
  EXPECT_EQ(record.usage->output_total, 32u);
  EXPECT_EQ(record.usage->total, 844u);
  EXPECT_EQ(record.usage_state, UsageState::final);
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_EQ(record.model, "gemini-3-flash");
  EXPECT_EQ(record.cascade_id, "11111111-2222");
  EXPECT_EQ(record.protocol, "h2");
  EXPECT_EQ(record.path, "/v1internal:streamGenerateContent");
  EXPECT_EQ(record.http_status, 200);
  EXPECT_EQ(record.local_uid, 993u);
  EXPECT_TRUE(record.stream);
  EXPECT_TRUE(record.flags.empty());
}

TEST(ObserverHttp2, ReadsTheReferenceCall) {
  Peers p;
  const std::string request = p.call(1);
  const std::string answer = p.answer(1);
  Observer observer(facts());
  EXPECT_TRUE(observer.is_idle());
  feed(&observer, Side::client, p.out + request);
  EXPECT_FALSE(observer.is_idle());
  feed(&observer, Side::upstream, p.in + answer);
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  expect_reference(got[0]);
  EXPECT_TRUE(observer.is_idle());
  EXPECT_FALSE(observer.is_unparsed());
  // Payload and field block, no frame heads.
  const std::size_t frames = (kBody.size() + 39) / 40 + 1;
  EXPECT_EQ(got[0].bytes_out, request.size() - 9 * frames);
}

TEST(ObserverHttp2, EverySplitGivesTheSameRecord) {
  Peers p;
  const std::string out = p.out + p.call(1);
  const std::string in = p.in + p.answer(1);
  for (const std::string protocol : {"h2", ""}) {
    const auto run = [&](std::size_t cut_out, std::size_t cut_in) {
      Observer observer(facts(protocol));
      feed(&observer, Side::client, std::string_view(out).substr(0, cut_out));
      feed(&observer, Side::client, std::string_view(out).substr(cut_out));
      feed(&observer, Side::upstream, std::string_view(in).substr(0, cut_in));
      feed(&observer, Side::upstream, std::string_view(in).substr(cut_in));
      return records(&observer);
    };
    const auto whole = run(0, 0);
    ASSERT_EQ(whole.size(), 1u);
    expect_reference(whole[0]);
    // The sniffed protocol differs in the first octets only.
    const std::size_t step = protocol.empty() ? 7 : 2;
    for (std::size_t cut = 0; cut <= out.size(); cut += cut < 40 ? 1 : step) {
      ASSERT_EQ(run(cut, 0), whole) << cut;
    }
    for (std::size_t cut = 0; cut <= in.size(); cut += step) {
      ASSERT_EQ(run(0, cut), whole) << cut;
    }
  }
}

TEST(ObserverHttp2, InterleavedCallsAreOneRecordEach) {
  constexpr std::uint32_t kCalls = 20;
  Peers p;
  Observer observer(facts());
  feed(&observer, Side::client, p.out);
  feed(&observer, Side::upstream, p.in);
  std::vector<std::string> rest;
  for (std::uint32_t i = 0; i < kCalls; ++i) {
    feed(&observer, Side::client, p.call(2 * i + 1));
    feed(&observer, Side::upstream, p.upstream.headers(2 * i + 1, wire::response()));
    rest.push_back(wire::body(2 * i + 1, kFirst + kLast, 17 + i));
  }
  // One frame of each in turn, each of another size.
  for (std::size_t at_frame = 0; !rest.empty(); ++at_frame) {
    for (std::string& left : rest) {
      const auto size = static_cast<std::size_t>(static_cast<unsigned char>(left[2])) + 9;
      feed(&observer, Side::upstream, left.substr(0, size));
      left.erase(0, size);
    }
    rest.erase(std::remove(rest.begin(), rest.end(), ""), rest.end());
  }
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), kCalls);
  for (const Record& record : got) {
    expect_reference(record);
  }
  EXPECT_TRUE(observer.is_idle());
}

TEST(ObserverHttp2, AResetByEitherSideIsWhatWasSeenAndNeverTwice) {
  for (const Side who : {Side::client, Side::upstream}) {
    for (const bool had_all : {true, false}) {
      Peers p;
      Observer observer(facts());
      feed(&observer, Side::client, p.out + p.call(1));
      feed(&observer, Side::upstream, p.in + p.upstream.headers(1, wire::response()));
      feed(&observer, Side::upstream, wire::data(1, had_all ? kFirst + kLast : kFirst));
      EXPECT_FALSE(observer.next_record());
      feed(&observer, who, wire::reset(1));
      const auto got = records(&observer);
      ASSERT_EQ(got.size(), 1u);
      EXPECT_EQ(got[0].outcome, had_all ? Outcome::ok : Outcome::partial);
      EXPECT_EQ(got[0].usage_state, had_all ? UsageState::final : UsageState::provisional);
      EXPECT_EQ(got[0].usage->input_total, 812u);
      EXPECT_EQ(got[0].closed_by,
                who == Side::client ? usage::Closer::client : usage::Closer::upstream);
      EXPECT_TRUE(observer.is_idle());
      feed(&observer, Side::upstream, wire::data(1, kLast, true));
      observer.on_end(Side::upstream, End::clean, at(1));
      observer.on_end(Side::client, End::clean, at(1));
      EXPECT_FALSE(observer.next_record());
    }
  }
}

TEST(ObserverHttp2, TheEndOfTheConnectionMakesOpenCallsPartial) {
  for (const End how : {End::clean, End::abrupt}) {
    Peers p;
    Observer observer(facts());
    feed(&observer, Side::client, p.out + p.call(1));
    feed(&observer, Side::client, p.call(3));
    feed(&observer, Side::upstream, p.in + p.upstream.headers(1, wire::response()));
    feed(&observer, Side::upstream, wire::data(1, kFirst));
    observer.on_end(Side::upstream, how, at(1));
    const auto got = records(&observer);
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(got[0].outcome, Outcome::partial);
    EXPECT_EQ(got[0].usage_state, UsageState::provisional);
    EXPECT_EQ(got[1].usage_state, UsageState::none);
    EXPECT_FALSE(got[1].http_status);
    observer.on_end(Side::client, how, at(1));
    EXPECT_FALSE(observer.next_record());
  }
}

TEST(ObserverHttp2, AClientThatLeavesAfterTheLastEventIsCountedAtOnce) {
  Peers p;
  Observer observer(facts());
  feed(&observer, Side::client, p.out + p.call(1));
  feed(&observer, Side::client, p.call(3));
  feed(&observer, Side::upstream, p.in + p.upstream.headers(1, wire::response()));
  feed(&observer, Side::upstream, wire::data(1, kFirst + kLast));
  observer.on_end(Side::client, End::clean, at(1));
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);  // the other one still waits for its answer
  EXPECT_EQ(got[0].outcome, Outcome::ok);
  feed(&observer, Side::upstream, p.answer(3));
  feed(&observer, Side::upstream, wire::data(1, "", true));
  ASSERT_EQ(records(&observer).size(), 1u);
}

TEST(ObserverHttp2, WhatCouldNotBeReadStaysUnparsedBehindTheEnd) {
  for (const End how : {End::clean, End::abrupt}) {
    Observer observer(facts());
    feed(&observer, Side::client, "no HTTP/2 at all");
    EXPECT_TRUE(observer.is_unparsed());
    observer.on_end(Side::upstream, how, at(1));
    EXPECT_TRUE(observer.is_unparsed());
    EXPECT_FALSE(observer.is_idle());
  }
}

TEST(ObserverHttp2, GoawayEndsWhatUpstreamRefused) {
  Peers p;
  Observer observer(facts());
  feed(&observer, Side::client, p.out + p.call(1));
  feed(&observer, Side::client, p.call(3));
  feed(&observer, Side::upstream, p.in + wire::goaway(1));
  EXPECT_EQ(records(&observer).size(), 1u);
  feed(&observer, Side::upstream, p.answer(1));
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  expect_reference(got[0]);
}

TEST(ObserverHttp2, TrailersAreFollowedAndGrpcIsNoCallThatWeRead) {
  Peers p;
  Observer observer(facts());
  auto grpc = wire::request(kPath);
  grpc[4].second = "application/grpc+proto";
  feed(&observer, Side::client, p.out + p.client.headers(1, grpc));
  feed(&observer, Side::client, wire::data(1, std::string(64, '\1'), true));
  feed(&observer, Side::client, p.call(3));
  feed(&observer, Side::upstream, p.in + p.upstream.headers(1, {{":status", "200"}}));
  feed(&observer, Side::upstream, p.upstream.headers(1, {{"grpc-status", "0"}}, true));
  feed(&observer, Side::upstream, p.upstream.headers(3, wire::response()));
  feed(&observer, Side::upstream, wire::data(3, kFirst + kLast));
  feed(&observer, Side::upstream, p.upstream.headers(3, {{"grpc-status", "0"}}, true));
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  expect_reference(got[0]);
  EXPECT_TRUE(observer.is_idle());
}

TEST(ObserverHttp2, ErrorsAndOtherPathsAreWhatTheyAre) {
  Peers p;
  Observer observer(facts());
  feed(&observer, Side::client, p.out + p.client.headers(1, wire::request("/v1internal:other")));
  feed(&observer, Side::client, p.call(3));
  feed(&observer, Side::upstream, p.in + p.upstream.headers(3, {{":status", "503"}}, true));
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].outcome, Outcome::error);
  EXPECT_EQ(got[0].http_status, 503);
}

TEST(ObserverHttp2, FillsTheTimes) {
  Peers p;
  const std::string request = p.call(1);
  const std::string answer = p.answer(1);
  Observer observer(facts());
  feed(&observer, Side::client, p.out, at(0));
  feed(&observer, Side::upstream, p.in, at(0));
  feed(&observer, Side::client, request.substr(0, 12), at(1));
  feed(&observer, Side::client, request.substr(12), at(2));
  feed(&observer, Side::upstream, answer.substr(0, 10), at(3));
  feed(&observer, Side::upstream, answer.substr(10, 100), at(4));
  feed(&observer, Side::upstream, answer.substr(110), at(5));
  const auto record = observer.next_record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->started_at, at(1));
  EXPECT_EQ(record->first_byte_at, at(3));
  EXPECT_EQ(record->ended_at, at(5));
}

TEST(ObserverHttp2, ABrokenConnectionKeepsWhatWasSeen) {
  Peers p;
  Observer observer(facts());
  feed(&observer, Side::client, p.out + p.call(1));
  feed(&observer, Side::upstream, p.in + p.upstream.headers(1, wire::response()));
  feed(&observer, Side::upstream, wire::data(1, kFirst) + wire::data(0, "x"));
  EXPECT_TRUE(observer.is_unparsed());
  EXPECT_FALSE(observer.is_idle());
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].usage_state, UsageState::provisional);
  feed(&observer, Side::upstream, wire::data(1, kLast, true));
  observer.on_end(Side::upstream, End::clean, at(1));
  EXPECT_FALSE(observer.next_record());
}

TEST(ObserverHttp2, RapidResetsAreOnePartialRecordEachAndLinear) {
  Peers p;
  Observer observer(facts());
  std::string flood = p.out;
  constexpr std::uint32_t kStreams = 1000;
  for (std::uint32_t i = 0; i < kStreams; ++i) {
    flood += p.client.headers(2 * i + 1, wire::request(kPath)) + wire::reset(2 * i + 1);
  }
  feed(&observer, Side::client, flood);
  EXPECT_TRUE(observer.is_idle());
  EXPECT_EQ(records(&observer).size(), kStreams);
}

TEST(ObserverProtocol, WithoutAlpnTheFirstOctetsDecide) {
  const std::string http1 =
      "POST /v1internal:generateContent HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Length: 45\r\n\r\n"
      "{\"response\":{\"usageMetadata\":{\"promptToken\":1}}";
  for (std::size_t cut = 0; cut <= http1.size(); ++cut) {
    Observer observer(facts(""));
    feed(&observer, Side::client, http1.substr(0, cut));
    feed(&observer, Side::client, http1.substr(cut));
    EXPECT_FALSE(observer.is_unparsed());
    observer.on_end(Side::upstream, End::clean, at(1));
    const auto got = records(&observer);
    ASSERT_EQ(got.size(), 1u) << cut;
    EXPECT_EQ(got[0].protocol, "http/1.1");
  }
  for (const std::string other :
       {"\x16\x03\x01", "SSH-2.0-x\r\n", "PRI * HTTP/3", "P0ST / HTTP/1.1", " GET /",
        "AVERYLONGWORDTHATISNOMETHODATALLEVER"}) {
    Observer observer(facts(""));
    feed(&observer, Side::client, other);
    EXPECT_TRUE(observer.is_unparsed() || other.starts_with("PRI")) << other;
    feed(&observer, Side::client, " more\r\n\r\n");
    EXPECT_TRUE(observer.is_unparsed()) << other;
    EXPECT_FALSE(observer.is_idle());
  }
}

TEST(ObserverProtocol, AServerThatSpeaksFirstWaitsForTheClient) {
  Peers p;
  Observer observer(facts(""));
  feed(&observer, Side::upstream, p.in);
  feed(&observer, Side::client, p.out + p.call(1));
  feed(&observer, Side::upstream, p.answer(1));
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  expect_reference(got[0]);
  Observer talker(facts(""));
  feed(&talker, Side::upstream, std::string(16 * 1024, 'x'));
  EXPECT_FALSE(talker.is_unparsed());
  feed(&talker, Side::upstream, "x");
  EXPECT_TRUE(talker.is_unparsed());
}

TEST(ObserverProtocol, AnUnknownAlpnIsUnparsed) {
  Observer observer(facts("spdy/3"));
  feed(&observer, Side::client, "GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(observer.is_unparsed());
  EXPECT_FALSE(observer.is_idle());
}

TEST(ObserverHttp2, MutatedConnectionsNeverCrashNorCountTwice) {
  Peers p;
  const std::string out = p.out + p.call(1);
  const std::string in = p.in + p.answer(1);
  std::mt19937 random(23);
  for (int round = 0; round < 200; ++round) {
    std::string o = out;
    std::string i = in;
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      std::string& victim = random() % 2 == 0 ? o : i;
      victim[random() % victim.size()] = static_cast<char>(random());
    }
    const auto run = [&o, &i](std::size_t cut_out, std::size_t cut_in) {
      Observer observer(facts());
      feed(&observer, Side::client, std::string_view(o).substr(0, cut_out));
      feed(&observer, Side::client, std::string_view(o).substr(cut_out));
      feed(&observer, Side::upstream, std::string_view(i).substr(0, cut_in));
      feed(&observer, Side::upstream, std::string_view(i).substr(cut_in));
      observer.on_end(Side::upstream, End::clean, at(1));
      return records(&observer);
    };
    const auto whole = run(0, 0);
    EXPECT_LE(whole.size(), 1u);
    ASSERT_EQ(run(random() % o.size(), random() % i.size()), whole);
  }
}

}  // namespace
}  // namespace agp::relay
