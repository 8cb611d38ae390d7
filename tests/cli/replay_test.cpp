#include "cli/replay.h"

#include <chrono>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr usage::Micros kNow{std::chrono::seconds(1'795'320'000)};

const std::string kHost = "generativelanguage.googleapis.com";
const std::string kPath = "/v1beta/models/gemini-3-flash:streamGenerateContent";
const std::string kEvents =
    "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]}\r\n\r\n"
    "data: "
    "{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":10,"
    "\"candidatesTokenCount\":3,\"totalTokenCount\":13},\"modelVersion\":\"gemini-3-flash\"}"
    "\r\n\r\n";

std::string request() {
  return "POST " + kPath + "?alt=sse HTTP/1.1\r\nHost: " + kHost +
         "\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
}

std::string response() {
  return "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 03:00:00 GMT\r\n"
         "Content-Type: text/event-stream\r\nContent-Length: " +
         std::to_string(kEvents.size()) + "\r\n\r\n" + kEvents;
}

ReplayContext nothing() {
  ReplayContext context;
  context.now = kNow;
  return context;
}

ReplayContext from_there() {
  auto context = nothing();
  context.host = kHost;
  context.path = kPath;
  return context;
}

void expect_the_record(const Replayed& replayed) {
  ASSERT_EQ(replayed.records.size(), 1U)
      << (replayed.faults.empty() ? "" : replayed.faults.front());
  EXPECT_TRUE(replayed.faults.empty());
  const auto& record = replayed.records.front();
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(record.usage->input_total, 10U);
  EXPECT_EQ(record.usage->total, 13U);
  EXPECT_EQ(record.model, "gemini-3-flash");
  EXPECT_EQ(record.host, kHost);
  EXPECT_EQ(record.outcome, usage::Outcome::ok);
}

TEST(Replay, ReadsARequestWithTheResponseAfterIt) {
  const auto replayed = replay(request() + response(), nothing());
  expect_the_record(replayed);
  EXPECT_EQ(replayed.records.front().started_at, kNow - std::chrono::hours(1));
  EXPECT_EQ(replayed.records.front().path, kPath);
  EXPECT_TRUE(replayed.records.front().cost) << "the price list is part of the program";
}

TEST(Replay, ReadsARequestOfAnotherFile) {
  auto context = nothing();
  context.request = request();
  expect_the_record(replay(response(), context));
}

TEST(Replay, ReadsAResponseWhoseOriginIsSaid) {
  expect_the_record(replay(response(), from_there()));
}

TEST(Replay, ReadsABodyAlone) {
  const auto replayed = replay(kEvents, from_there());
  expect_the_record(replayed);
  EXPECT_EQ(replayed.records.front().started_at, kNow);
}

TEST(Replay, ReadsWhatCurlWrites) {
  expect_the_record(
      replay("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n"
             "\r\n" +
                 kEvents,
             from_there()));
  const auto h2 =
      replay("HTTP/2 200 \r\ncontent-type: text/event-stream\r\n\r\n" + kEvents, from_there());
  expect_the_record(h2);
  EXPECT_EQ(h2.records.front().protocol, "h2");
}

TEST(Replay, ChunksThatAreThereAreUndone) {
  char size[32];
  (void)std::snprintf(size, sizeof size, "%zx\r\n", kEvents.size());
  expect_the_record(
      replay("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n"
             "\r\n" +
                 std::string(size) + kEvents + "\r\n0\r\n\r\n",
             from_there()));
}

TEST(Replay, ACutRecordingIsAPartialCall) {
  const auto whole = request() + response();
  const auto replayed = replay(whole.substr(0, whole.size() - 40), nothing());
  ASSERT_EQ(replayed.records.size(), 1U);
  EXPECT_EQ(replayed.records.front().outcome, usage::Outcome::partial);
  EXPECT_FALSE(replayed.records.front().usage);
}

TEST(Replay, AnyPrefixIsARecordOrAFault) {
  const auto whole = request() + response();
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    const auto replayed = replay(whole.substr(0, cut), nothing());
    ASSERT_EQ(replayed.records.size() + replayed.faults.size(), 1U) << "cut at " << cut;
  }
}

TEST(Replay, SaysWhatIsWrong) {
  const auto fault_of = [](const Replayed& replayed) {
    EXPECT_TRUE(replayed.records.empty());
    return replayed.faults.size() == 1 ? replayed.faults.front() : std::string("none");
  };
  EXPECT_NE(fault_of(replay("", nothing())).find("empty"), std::string::npos);
  EXPECT_NE(fault_of(replay(response(), nothing())).find("--url"), std::string::npos);
  EXPECT_NE(fault_of(replay(request(), nothing())).find("no response"), std::string::npos);
  auto context = from_there();
  context.path = "/v1/models";
  EXPECT_NE(fault_of(replay(response(), context)).find("not a model call"), std::string::npos);
  context.path = "/a b";
  EXPECT_NE(fault_of(replay(response(), context)).find("spaces"), std::string::npos);
  EXPECT_NE(fault_of(replay(std::string((256U << 20U) + 1, 'x'), nothing())).find("256 MiB"),
            std::string::npos);
}

std::string json_text(const std::string& text) {
  return boost::json::serialize(boost::json::string(text));
}

std::string har_entry(const std::string& url, const std::string& content) {
  return R"({"startedDateTime":"2026-11-22T04:00:00.500+01:00","time":1500.25,"request":{"method":"POST","url":)" +
         json_text(url) +
         R"(,"headers":[{"name":":authority","value":"x"}],"postData":{"text":"{}"}},)" +
         R"("response":{"status":200,"httpVersion":"h2","headers":[{"name":"content-type",)" +
         R"("value":"text/event-stream"},{"name":"Content-Encoding","value":"gzip"}],"content":)" +
         content + "}}";
}

std::string har(const std::string& entries) {
  return R"({"log":{"version":"1.2","entries":[)" + entries + "]}}";
}

TEST(ReplayHar, ReadsTheModelCallsAmongTheEntries) {
  const auto url = "https://" + kHost + kPath + "?alt=sse";
  const auto text = "{\"text\":" + json_text(kEvents) + "}";
  const auto replayed =
      replay(har(har_entry("https://example.org/", "{}") + "," + har_entry(url, text)), nothing());
  expect_the_record(replayed);
  const auto& record = replayed.records.front();
  EXPECT_EQ(record.protocol, "h2");
  EXPECT_EQ(record.started_at, kNow - std::chrono::hours(1) + std::chrono::microseconds(500'000));
  EXPECT_EQ(record.ended_at - record.started_at, std::chrono::microseconds(1'500'250));
}

TEST(ReplayHar, BodiesMayBeBase64) {
  const auto url = "https://" + kHost + ":443" + kPath;
  expect_the_record(replay(
      har(har_entry(
          url, R"({"encoding":"base64","text":"ZGF0YTogeyJjYW5kaWRhdGVzIjpbeyJmaW5pc2hSZWFzb24iO)"
               R"(iJTVE9QIn1dLCJ1c2FnZU1ldGFkYXRhIjp7InByb21wdFRva2VuQ291bnQiOjEwLCJjYW5kaWRhdGVz)"
               R"(VG9rZW5Db3VudCI6MywidG90YWxUb2tlbkNvdW50IjoxM30sIm1vZGVsVmVyc2lvbiI6ImdlbWluaS0)"
               R"(zLWZsYXNoIn0KCg=="})")),
      nothing()));
}

TEST(ReplayHar, AFaultyEntryCostsItselfAlone) {
  const auto good = har_entry("https://" + kHost + kPath, "{\"text\":" + json_text(kEvents) + "}");
  const auto replayed =
      replay(har("7," + good + R"(,{"request":{},"response":{}},)" +
                 har_entry("https://" + kHost + kPath, R"({"encoding":"base64","text":"!!"})")),
             nothing());
  EXPECT_EQ(replayed.records.size(), 1U);
  ASSERT_EQ(replayed.faults.size(), 3U);
  EXPECT_EQ(replayed.faults[0], "entry 0 has no request or no response");
  EXPECT_EQ(replayed.faults[1], "entry 2 has no method or no URL");
  EXPECT_EQ(replayed.faults[2], "entry 3 has a body that is not base64");
}

TEST(ReplayHar, HeadersCannotForgeALine) {
  const auto entry =
      R"({"request":{"method":"POST","url":)" + json_text("https://" + kHost + kPath) +
      R"(,"headers":[{"name":"X","value":"1\r\n\r\nGET / HTTP/1.1"}]},"response":{"status":200,)" +
      R"("headers":[],"content":{"text":)" + json_text(kEvents) + "}}}";
  expect_the_record(replay(har(entry), nothing()));
}

TEST(ReplayHar, ADocumentThatIsNoneIsAFault) {
  for (const auto* text :
       {R"({"log":)", R"({"log":{}})", R"({"log":[]})", R"({"log":{"entries":1}})"}) {
    const auto replayed = replay(text, nothing());
    ASSERT_EQ(replayed.faults.size(), 1U) << text;
    EXPECT_NE(replayed.faults.front().find("HAR"), std::string::npos);
  }
}

}  // namespace
}  // namespace agp::cli
