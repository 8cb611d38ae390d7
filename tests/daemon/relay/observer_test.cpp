#include "daemon/relay/observer.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

namespace agp::relay {
namespace {

using usage::Micros;
using usage::Outcome;
using usage::Record;
using usage::UsageState;

constexpr std::string_view kHost = "daily-cloudcode-pa.googleapis.com";

ConnectionFacts facts() {
  return {std::string(kHost), "http/1.1", 993, 1000, "ls-1"};
}

Micros at(int n) {
  return Micros(std::chrono::microseconds(1000 + n));
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(::deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(out.size() - stream.avail_out);
  (void)::deflateEnd(&stream);
  return out;
}

std::string chunked(const std::string& body, std::size_t size) {
  std::string out;
  for (std::size_t from = 0; from < body.size(); from += size) {
    const std::string piece = body.substr(from, size);
    char head[32];
    (void)std::snprintf(head, sizeof head, "%zx\r\n", piece.size());
    out += head + piece + "\r\n";
  }
  return out + "0\r\n\r\n";
}

const std::string kBody =
    R"({"project":"p","requestId":"agent/11111111-2222/1795000000000/33333333-4444/7","request":{"contents":[{"role":"user","parts":[{"text":"\"model\":\"fake\""}]}],)"
    R"("labels":{"trajectory_id":"33333333-4444","last_step_index":"6"}},"model":"gemini-3-flash","userAgent":"antigravity","requestType":"agent"})";

std::string request(const std::string& method = "streamGenerateContent?alt=sse") {
  return "POST /v1internal:" + method +
         " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(kBody, 50);
}

const std::string kFirst =
    R"(data: {"response": {"candidates": [{"content": {"role": "model", "parts": [{"text": "\"usageMetadata\":{\"promptTokenCount\":9} data: [DONE]", "thought": true}]}}],)"
    R"("usageMetadata": {"promptTokenCount": 812, "totalTokenCount": 840, "thoughtsTokenCount": 28},"modelVersion": "gemini-3-flash", "responseId": "r7Kq"}, "traceId": "9f31c2", "metadata": {}})"
    "\r\n\r\n";
const std::string kLast =
    R"(data: {"response": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Done."}]}, "finishReason": "STOP"}],)"
    R"("usageMetadata": {"promptTokenCount": 812, "candidatesTokenCount": 4, "totalTokenCount": 844, "thoughtsTokenCount": 28},"modelVersion": "gemini-3-flash", "responseId": "r7Kq"}, "traceId": "9f31c2", "metadata": {}})"
    "\r\n\r\n";

std::string response(const std::string& body,
                     const std::string& fields = "",
                     std::size_t chunk = 70) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + fields +
         "Transfer-Encoding: chunked\r\n\r\n" + chunked(body, chunk);
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

/// One connection, each direction in two pieces, then its end.
std::vector<Record> run(const std::string& out,
                        const std::string& in,
                        std::size_t cut_out = 0,
                        std::size_t cut_in = 0,
                        End how = End::clean) {
  Observer observer(facts());
  feed(&observer, Side::client, std::string_view(out).substr(0, cut_out));
  feed(&observer, Side::client, std::string_view(out).substr(cut_out));
  feed(&observer, Side::upstream, std::string_view(in).substr(0, cut_in));
  feed(&observer, Side::upstream, std::string_view(in).substr(cut_in));
  observer.on_end(Side::upstream, how, at(9));
  observer.on_end(Side::client, how, at(9));
  return records(&observer);
}

void expect_reference(const Record& record) {
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(record.usage->input_total, 812u);
  EXPECT_EQ(record.usage->input_uncached, 812u);
  EXPECT_EQ(record.usage->output_total, 32u);
  EXPECT_EQ(record.usage->reasoning, 28u);
  EXPECT_EQ(record.usage->total, 844u);
  EXPECT_EQ(record.usage_state, UsageState::final);
  EXPECT_EQ(record.outcome, Outcome::ok);
  EXPECT_EQ(record.finish, usage::Finish::stop);
  EXPECT_EQ(record.model, "gemini-3-flash");
  EXPECT_EQ(record.cascade_id, "11111111-2222");
  EXPECT_EQ(record.cascade_source, usage::CascadeSource::exact);
  EXPECT_EQ(record.trajectory_id, "33333333-4444");
  EXPECT_EQ(record.step_index, 7u);
  EXPECT_EQ(record.request_kind, usage::RequestKind::agent);
  EXPECT_EQ(record.response_id, "r7Kq");
  EXPECT_EQ(record.trace_id, "9f31c2");
  EXPECT_EQ(record.local_uid, 993u);
  EXPECT_EQ(record.instance, "ls-1");
  EXPECT_EQ(record.owner_uid, 1000U);
  EXPECT_EQ(record.path, "/v1internal:streamGenerateContent");
  EXPECT_TRUE(record.stream);
  EXPECT_TRUE(record.flags.empty());
}

TEST(Observer, ACallIsOpenUntilItIsARecord) {
  const auto out = request();
  const auto in = response(kFirst + kLast);
  Observer observer(facts());
  EXPECT_EQ(observer.open_calls(), 0U);
  feed(&observer, Side::client, out + out);  // pipelined
  EXPECT_EQ(observer.open_calls(), 2U);
  feed(&observer, Side::upstream, in);
  EXPECT_EQ(observer.open_calls(), 1U);
  feed(&observer, Side::client, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(observer.open_calls(), 1U) << "a request that is no call to a model";
  observer.on_end(Side::upstream, End::abrupt, at(9));
  observer.on_end(Side::client, End::abrupt, at(9));
  EXPECT_EQ(observer.open_calls(), 0U);
  EXPECT_EQ(records(&observer).size(), 2U);
}

TEST(Observer, ReadsTheReferenceExchange) {
  const std::string in = response(kFirst + kLast);
  const auto got = run(request(), in);
  ASSERT_EQ(got.size(), 1u);
  expect_reference(got[0]);
  EXPECT_EQ(got[0].bytes_out, request().size());
  EXPECT_EQ(got[0].bytes_in, in.size());
}

TEST(Observer, UndoesATransferCodingInsideTheChunks) {
  const std::string body = kFirst + kLast;
  const auto got = run(request(), response(gzip(body), "Transfer-Encoding: gzip\r\n"));
  ASSERT_EQ(got.size(), 1u);
  expect_reference(got[0]);
  const auto both = run(request(), response(gzip(gzip(body)),
                                            "Transfer-Encoding: gzip\r\n"
                                            "Content-Encoding: gzip\r\n"));
  ASSERT_EQ(both.size(), 1u);
  expect_reference(both[0]);
  const auto unknown = run(request(), response(body, "Transfer-Encoding: compress\r\n"));
  ASSERT_EQ(unknown.size(), 1u);
  EXPECT_FALSE(unknown[0].usage);
  EXPECT_TRUE(unknown[0].flags.contains("decode_error"));
}

TEST(Observer, SplitsGiveTheSameRecord) {
  const std::string out = request();
  std::size_t turn = 0;
  for (const std::string& in :
       {response(kFirst + kLast), response(gzip(kFirst + kLast), "Content-Encoding: gzip\r\n"),
        response(gzip(kFirst) + gzip(kLast))}) {
    const auto whole = run(out, in);
    ASSERT_EQ(whole.size(), 1u);
    expect_reference(whole[0]);
    // The readers below have each split in their own tests; here the three bodies take turns.
    for (std::size_t cut = turn; cut <= in.size(); cut += 5) {
      ASSERT_EQ(run(out, in, 0, cut), whole) << cut;
    }
    for (std::size_t cut = turn++; cut <= out.size(); cut += 3) {
      ASSERT_EQ(run(out, in, cut, 0), whole) << cut;
    }
  }
}

TEST(Observer, AnyChunkingGivesTheSameUsage) {
  std::mt19937 random(5);
  const auto reference = run(request(), response(kFirst + kLast));
  for (int round = 0; round < 200; ++round) {
    auto got = run(request(), response(kFirst + kLast, "", 1 + random() % 200));
    ASSERT_EQ(got.size(), 1u);
    got[0].bytes_in = reference[0].bytes_in;  // the framing differs, nothing else
    ASSERT_EQ(got, reference);
  }
}

TEST(Observer, EveryCutIsOneRecordAndFinalOnlyWithTheMarker) {
  const std::string in = response(kFirst + kLast);
  for (std::size_t n = 0; n < in.size(); n += n + 60 < in.size() ? 5 : 1) {
    const auto got = run(request(), in.substr(0, n), 0, 0, n % 2 == 0 ? End::clean : End::abrupt);
    ASSERT_EQ(got.size(), 1u) << n;
    if (got[0].usage_state == UsageState::final) {
      EXPECT_EQ(got[0].usage->output_total, 32u) << n;
    } else {
      EXPECT_EQ(got[0].outcome, Outcome::partial) << n;
    }
    EXPECT_TRUE(got[0].flags.contains("truncated_body")) << n;
  }
}

TEST(Observer, NoiseBetweenEventsChangesNothing) {
  auto reference = run(request(), response(kFirst + kLast));
  for (const std::string noise :
       {": keepalive\r\n\r\n", "data: : keepalive\n\n", "\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "data: {\"unknown\":{\"usageMetadata\":{\"promptTokenCount\":1}}}\n\n"}) {
    auto got = run(request(), response(noise + kFirst + noise + kLast + noise));
    ASSERT_EQ(got.size(), 1u);
    got[0].bytes_in = reference[0].bytes_in;
    got[0].pace = reference[0].pace;  // noise comes in chunks as well
    EXPECT_EQ(got, reference) << noise;
  }
}

TEST(Observer, RepeatedEventsAreNotAdded) {
  auto reference = run(request(), response(kFirst + kLast));
  auto got = run(request(), response(kFirst + kFirst + kLast + kLast));
  ASSERT_EQ(got.size(), 1u);
  got[0].bytes_in = reference[0].bytes_in;
  got[0].pace = reference[0].pace;
  EXPECT_EQ(got, reference);
}

TEST(Observer, CountsAtTheEndOfTheBodyNotOfTheConnection) {
  Observer observer(facts());
  feed(&observer, Side::client, request());
  feed(&observer, Side::upstream, response(kFirst + kLast));
  EXPECT_TRUE(observer.next_record());
  observer.on_end(Side::client, End::clean, at(1));
  observer.on_end(Side::upstream, End::clean, at(1));
  EXPECT_FALSE(observer.next_record());
}

TEST(Observer, CountsWhenTheClientLeavesAfterTheLastEventAndNeverTwice) {
  const std::string in = response(kFirst + kLast);
  Observer observer(facts());
  feed(&observer, Side::client, request());
  feed(&observer, Side::upstream, in.substr(0, in.size() - 5));
  EXPECT_FALSE(observer.next_record());
  observer.on_end(Side::client, End::clean, at(1));
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].outcome, Outcome::ok);
  EXPECT_EQ(got[0].usage_state, UsageState::final);
  feed(&observer, Side::upstream, in.substr(in.size() - 5));
  observer.on_end(Side::upstream, End::clean, at(2));
  EXPECT_FALSE(observer.next_record());
}

TEST(Observer, AClientThatOnlyHalfClosesStillGetsItsCallCounted) {
  const std::string in = response(kFirst + kLast);
  Observer observer(facts());
  feed(&observer, Side::client, request());
  observer.on_end(Side::client, End::clean, at(1));
  EXPECT_FALSE(observer.next_record());
  feed(&observer, Side::upstream, in);
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  expect_reference(got[0]);
}

TEST(Observer, SequentialAndPipelinedCallsAreOneRecordEach) {
  const std::string other = "POST /v1internal:countTokens HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
  const std::string plain = "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"totalTokens\": 100}";
  const std::string ok = response(kFirst + kLast);
  const auto got =
      run(request() + other + request(),
          ok + "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"totalTokens\": 100}" + ok);
  ASSERT_EQ(got.size(), 2u);
  expect_reference(got[0]);
  EXPECT_EQ(got[0], got[1]);
}

TEST(Observer, FillsTheTimes) {
  Observer observer(facts());
  const std::string in = response(kFirst + kLast);
  observer.on_bytes(Side::client, as_bytes(request().substr(0, 9)), at(1));
  observer.on_bytes(Side::client, as_bytes(request().substr(9)), at(2));
  observer.on_bytes(Side::upstream, as_bytes(in.substr(0, 4)), at(3));
  observer.on_bytes(Side::upstream, as_bytes(in.substr(4, 200)), at(4));
  observer.on_bytes(Side::upstream, as_bytes(in.substr(204)), at(5));
  const auto record = observer.next_record();
  ASSERT_TRUE(record);
  EXPECT_EQ(record->started_at, at(1));
  EXPECT_EQ(record->first_byte_at, at(3));
  EXPECT_EQ(record->ended_at, at(5));
}

TEST(Observer, ARequestThatNobodyAnsweredIsPartial) {
  const auto got = run(request(), "");
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].outcome, Outcome::partial);
  EXPECT_FALSE(got[0].http_status);
  EXPECT_EQ(got[0].model, "gemini-3-flash");
  EXPECT_EQ(got[0].model_source, usage::ModelSource::request);
}

TEST(Observer, ARequestSentAfterUpstreamEndedIsCountedWhenTheClientEnds) {
  Observer observer(facts());
  observer.on_end(Side::upstream, End::clean, at(1));
  feed(&observer, Side::client, request());
  observer.on_end(Side::client, End::clean, at(2));
  const auto got = records(&observer);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].outcome, Outcome::partial);
}

TEST(Observer, WhatIsNotHttpIsUnparsedAndGivesNoRecord) {
  Observer observer(facts());
  feed(&observer, Side::client, "\x16\x03\x01 whatever\r\n\r\n");
  EXPECT_TRUE(observer.is_unparsed());
  EXPECT_FALSE(observer.next_record());
}

TEST(Observer, MutatedConnectionsNeverCrashNorCountTwice) {
  std::mt19937 random(17);
  const std::string out = request();
  const std::string in = response(gzip(kFirst + kLast), "Content-Encoding: gzip\r\n");
  const std::string plain = response(kFirst + kLast);
  for (int round = 0; round < 300; ++round) {
    std::string o = out;
    std::string i = random() % 2 == 0 ? in : plain;
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      std::string& victim = random() % 4 == 0 ? o : i;
      victim[random() % victim.size()] = static_cast<char>(random());
    }
    const auto whole = run(o, i);
    EXPECT_LE(whole.size(), 1u);
    ASSERT_EQ(run(o, i, random() % o.size(), random() % i.size()), whole);
  }
}

}  // namespace
}  // namespace agp::relay
