#include "daemon/api/codec.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using Progress = RequestReader::Progress;

constexpr std::size_t kHead = 4096;
constexpr std::size_t kBody = 4096;

const std::string kPost =
    "POST /v1/responses?a=b HTTP/1.1\r\nHost: localhost\r\nX-Two: 1\r\nX-Two: 2\r\n"
    "Content-Length: 5\r\n\r\nhello";
const std::string kChunked =
    "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: 1\r\n\r\n";

// Feeds the parts and reads on as the server does; the body is always wanted.
Progress read_all(RequestReader& reader, std::initializer_list<std::string_view> parts) {
  auto progress = Progress::needs_more;
  for (const auto part : parts) {
    reader.feed(as_bytes(part));
    progress = reader.advance();
    if (progress == Progress::head) {
      reader.read_body();
      progress = reader.advance();
    }
  }
  return progress;
}

TEST(RequestReader, EverySplitGivesTheSameRequest) {
  for (const auto& wire : {kPost, kChunked}) {
    for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
      RequestReader reader(kHead, kBody);
      const std::string_view view(wire);
      ASSERT_EQ(read_all(reader, {view.substr(0, cut), view.substr(cut)}), Progress::complete)
          << "cut at " << cut;
      EXPECT_EQ(reader.head().method, "POST");
      EXPECT_EQ(reader.take_body(), "hello") << "cut at " << cut;
      EXPECT_FALSE(reader.has_leftover());
    }
  }
}

TEST(RequestReader, KeepsRepeatedHeadersApart) {
  RequestReader reader(kHead, kBody);
  ASSERT_EQ(read_all(reader, {kPost}), Progress::complete);
  EXPECT_EQ(reader.head().header("x-two"), (std::vector<std::string_view>{"1", "2"}));
  EXPECT_EQ(reader.target(), "/v1/responses?a=b");
}

TEST(RequestReader, StopsAtTheHeadUntilTheBodyIsWanted) {
  RequestReader reader(kHead, kBody);
  reader.feed(as_bytes(kPost));
  EXPECT_EQ(reader.advance(), Progress::head);
  EXPECT_EQ(reader.advance(), Progress::head);
  reader.read_body();
  EXPECT_EQ(reader.advance(), Progress::complete);
}

TEST(RequestReader, ReadsOneRequestAfterAnother) {
  RequestReader reader(kHead, kBody);
  ASSERT_EQ(read_all(reader, {kChunked + kPost + "GET / HTTP/1.1\r\n\r\n"}), Progress::complete);
  EXPECT_TRUE(reader.has_leftover());
  reader.next();
  EXPECT_EQ(read_all(reader, {""}), Progress::complete);
  EXPECT_EQ(reader.take_body(), "hello");
  reader.next();
  EXPECT_EQ(read_all(reader, {""}), Progress::complete);
  EXPECT_EQ(reader.head().method, "GET");
  EXPECT_TRUE(reader.wants_keep_alive());
}

TEST(RequestReader, RefusesALargeHeadInAnySplit) {
  const std::string wire = "GET / HTTP/1.1\r\nX: " + std::string(kHead, 'x');
  for (const std::size_t step : {std::size_t{1}, std::size_t{100}, wire.size()}) {
    RequestReader reader(kHead, kBody);
    auto progress = Progress::needs_more;
    for (std::size_t at = 0; at < wire.size() && progress == Progress::needs_more; at += step) {
      reader.feed(as_bytes(std::string_view(wire).substr(at, step)));
      progress = reader.advance();
    }
    ASSERT_EQ(progress, Progress::failed);
    EXPECT_EQ(reader.failure().status, 431U);
  }
}

TEST(RequestReader, RefusesALargeBodyHoweverItIsFramed) {
  RequestReader declared(kHead, 4);
  EXPECT_EQ(read_all(declared, {kPost}), Progress::failed);
  EXPECT_EQ(declared.failure().status, 413U);
  RequestReader chunked(kHead, 4);
  EXPECT_EQ(read_all(chunked, {kChunked}), Progress::failed);
  EXPECT_EQ(chunked.failure().status, 413U);
}

TEST(RequestReader, RefusesWhatIsNotHttp) {
  for (const char* wire :
       {"\x16\x03\x01\x02\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nBad Name: 1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"}) {
    RequestReader reader(kHead, kBody);
    EXPECT_EQ(read_all(reader, {wire}), Progress::failed) << wire;
    EXPECT_EQ(reader.failure().status, 400U);
  }
}

TEST(RequestReader, KnowsWhenContinueIsAwaited) {
  RequestReader reader(kHead, kBody);
  reader.feed(as_bytes("POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"));
  EXPECT_EQ(reader.advance(), Progress::head);
  EXPECT_TRUE(reader.expects_continue());
}

TEST(ToOctets, CarriesTheHeadersOfEveryAnswer) {
  Response response;
  response.status = 404;
  response.body = "{}";
  EXPECT_EQ(to_octets(response, false),
            "HTTP/1.1 404 Not Found\r\nServer: antigravity-proxy\r\n"
            "Content-Type: application/json\r\nCache-Control: no-store\r\n"
            "X-Content-Type-Options: nosniff\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
}

TEST(ToOctets, WhatIsNotSentAgainHasNoLength) {
  Response response;
  response.status = 304;
  response.cache_control = "no-cache";
  EXPECT_EQ(to_octets(response, true),
            "HTTP/1.1 304 Not Modified\r\nServer: antigravity-proxy\r\n"
            "Content-Type: application/json\r\nCache-Control: no-cache\r\n"
            "X-Content-Type-Options: nosniff\r\n\r\n");
}

}  // namespace
}  // namespace agp::api
