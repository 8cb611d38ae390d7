#include "daemon/http1/reader.h"

#include "daemon/http1/limits.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace agp::http1 {
namespace {

using namespace std::string_literals;

/// Bodies are joined, so that the log does not depend on the reads.
class Log final : public Sink {
 public:
  void on_begin(Direction) override {}
  void on_request(const Head& head) override {
    text += "req " + std::string(head.method) + " " + std::string(head.target) + " " +
            std::string(head.field("HOST")) + "\n";
  }
  void on_request_body(Bytes body) override { request += as_text(body); }
  void on_request_end(std::uint64_t octets) override {
    text += "req-end " + std::to_string(octets) + " [" + std::exchange(request, "") + "]\n";
  }
  void on_response(const Head& head) override {
    text += "res " + std::to_string(head.status) + "\n";
  }
  void on_response_body(Bytes body) override { response += as_text(body); }
  void on_response_end(std::uint64_t octets, BodyEnd how) override {
    text += "res-end " + std::to_string(octets) + " [" + std::exchange(response, "") + "]" +
            (how == BodyEnd::truncated ? " truncated" : "") + "\n";
  }
  std::string text, request, response;
};

struct Outcome {
  std::string text;
  bool unparsed = false;
  bool upgraded = false;
};

Outcome run(const std::string& out,
            const std::string& in,
            std::size_t cut_out,
            std::size_t cut_in,
            bool clean = true) {
  Log log;
  ConnectionReader reader(&log);
  const auto feed = [&](Direction direction, std::string_view piece) {
    const std::vector<char> owned(piece.begin(), piece.end());
    reader.feed(direction, as_bytes({owned.data(), owned.size()}));
  };
  const std::string_view o = out;
  const std::string_view i = in;
  feed(Direction::request, o.substr(0, cut_out));
  feed(Direction::request, o.substr(cut_out));
  feed(Direction::response, i.substr(0, cut_in));
  feed(Direction::response, i.substr(cut_in));
  reader.finish(Direction::response, clean);
  return {log.text, reader.is_unparsed(), reader.is_upgraded()};
}

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

std::string response_log(const std::string& in, bool clean = true, const std::string& out = kGet) {
  const Outcome whole = run(out, in, 0, 0, clean);
  for (std::size_t cut = 0; cut <= in.size(); ++cut) {
    EXPECT_EQ(run(out, in, 0, cut, clean).text, whole.text) << "cut at " << cut;
  }
  const std::size_t at = whole.text.find("res ");
  return at == std::string::npos ? "" : whole.text.substr(at);
}

TEST(Http1, ReadsABodyByLength) {
  EXPECT_EQ(response_log("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
            "res 200\nres-end 43 [hello]\n");
}

TEST(Http1, ReadsChunksWithExtensionsUpperCaseSizesAndTrailers) {
  EXPECT_EQ(
      response_log("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
                   "5;x=y\r\nhello\r\n0A\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n"),
      "res 200\nres-end 109 [hello0123456789]\n");
}

TEST(Http1, ReadsABodyUntilClose) {
  EXPECT_EQ(response_log("HTTP/1.1 200 OK\r\n\r\nhello"), "res 200\nres-end 24 [hello]\n");
  EXPECT_EQ(response_log("HTTP/1.0 200\r\n\r\nhello", false),
            "res 200\nres-end 21 [hello] truncated\n");
}

TEST(Http1, SkipsInterimResponses) {
  EXPECT_EQ(response_log("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
                         "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
            "res 200\nres-end 101 [x]\n");
}

TEST(Http1, KnowsTheResponsesWithoutABody) {
  const std::string next = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
  const std::string two = kGet + kGet;
  EXPECT_NE(
      response_log("HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n" + next, true, two).find("[x]"),
      std::string::npos);
  EXPECT_NE(
      response_log("HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n" + next, true, two).find("[x]"),
      std::string::npos);
  EXPECT_NE(response_log("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + next, true,
                         "HEAD / HTTP/1.1\r\n\r\n" + kGet)
                .find("[x]"),
            std::string::npos);
}

TEST(Http1, SaysWhatWasDoneToABody) {
  const auto codings = [](std::vector<Field> fields) {
    Head head;
    head.fields = fields;
    return head.codings();
  };
  EXPECT_EQ(codings({}), "");
  EXPECT_EQ(codings({{"Content-Encoding", "br"}}), "br");
  EXPECT_EQ(codings({{"Transfer-Encoding", "Chunked"}}), "");
  EXPECT_EQ(codings({{"Transfer-Encoding", "gzip, chunked"}, {"Content-Encoding", "br"}}),
            "br, gzip");
  EXPECT_EQ(codings({{"transfer-encoding", "gzip"}, {"TRANSFER-ENCODING", "chunked"}}), "gzip");
  EXPECT_EQ(codings({{"Content-Encoding", "gzip"}, {"Content-Encoding", "br"}}), "gzip, br");
  // Not the last: the reader does not undo it, and no coding has that name.
  EXPECT_EQ(codings({{"Transfer-Encoding", "chunked, gzip"}}), "chunked, gzip");
}

TEST(Http1, HandsOnABodyWithATransferCodingInsideItsChunks) {
  EXPECT_EQ(response_log("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
                         "3\r\nabc\r\n0\r\n\r\n"),
            "res 200\nres-end 66 [abc]\n");
}

TEST(Http1, ACutBodyIsTruncated) {
  EXPECT_EQ(response_log("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"),
            "res 200\nres-end 44 [hello] truncated\n");
  EXPECT_EQ(response_log("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
            "res 200\nres-end 53 [hel] truncated\n");
}

TEST(Http1, ReadsPipelinedRequestsForAnySplit) {
  const std::string out =
      "POST /1 HTTP/1.1\r\nhost: a\r\nContent-Length: 3\r\n\r\nabc"
      "\r\nPOST /2 HTTP/1.1\nHost:b\ntransfer-encoding: gzip, Chunked\n\n2\nxy\n0\n\n"
      "GET http://c/3 HTTP/1.0\r\n\r\n";
  const std::string expected =
      "req POST /1 a\nreq-end 51 [abc]\nreq POST /2 b\nreq-end 66 [xy]\nreq GET http://c/3 "
      "\nreq-end 27 []\n";
  for (std::size_t cut = 0; cut <= out.size(); ++cut) {
    EXPECT_EQ(run(out, "", cut, 0).text, expected) << cut;
  }
}

TEST(Http1, AnUpgradeEndsTheReading) {
  const Outcome got =
      run(kGet, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05hello", 3, 20);
  EXPECT_TRUE(got.upgraded);
  EXPECT_FALSE(got.unparsed);
  EXPECT_NE(got.text.find("res 101"), std::string::npos);
}

TEST(Http1, AConnectThatIsRefusedSpeaksHttpOn) {
  Log log;
  ConnectionReader reader(&log);
  reader.feed(Direction::request, as_bytes("CONNECT a:443 HTTP/1.1\r\n\r\n"));
  reader.feed(Direction::response, as_bytes("HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n"));
  reader.feed(Direction::request, as_bytes("CONNECT a:443 HTTP/1.1\r\n\r\n"));
  reader.feed(Direction::response, as_bytes("HTTP/1.1 200 OK\r\n\r\n"));
  reader.feed(Direction::request, as_bytes("\x16\x03\x01"));
  EXPECT_TRUE(reader.is_upgraded());
  EXPECT_FALSE(reader.is_unparsed());
}

// threat-model 61
TEST(Http1, WhatItCannotFollowIsUnparsed) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& in :
       {"SSH-2.0-x\r\n\r\n"s, ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        ok + "Content-Length: x\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc", "HTTP/2 200\r\n\r\n"s}) {
    EXPECT_TRUE(run(kGet, in, 0, 0).unparsed) << in;
  }
  EXPECT_TRUE(run("PRI * HTTP/2.0\r\n\r\n", "", 0, 0).unparsed);
  EXPECT_TRUE(run("", "HTTP/1.1 408 Timeout\r\n\r\n", 0, 0).unparsed);
  EXPECT_FALSE(run(kGet, ok + "Content-Length: 2, 2\r\n\r\nab", 0, 0).unparsed);
}

// threat-model 63
TEST(Http1, EachLimitMakesItUnparsed) {
  const std::string head = "GET / HTTP/1.1\r\nX: ";
  EXPECT_FALSE(run(head + std::string(kMaxHeadBytes - head.size() - 4, 'x') + "\r\n\r\n", "", 9, 0)
                   .unparsed);
  EXPECT_TRUE(run(head + std::string(kMaxHeadBytes, 'x'), "", 9, 0).unparsed);
  EXPECT_TRUE(run(head + std::string(kMaxHeadBytes, 'x') + "\r\n\r\n", "", 0, 0).unparsed);
  std::string many = "GET / HTTP/1.1\r\n";
  for (std::size_t i = 0; i <= kMaxFields; ++i) {
    many += "a: b\r\n";
  }
  EXPECT_TRUE(run(many + "\r\n", "", 0, 0).unparsed);
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_TRUE(run(kGet, chunked + "1;" + std::string(kMaxLineBytes, 'x'), 0, 0).unparsed);
  std::string trailers = chunked + "0\r\n";
  while (trailers.size() < kMaxTrailerBytes + 100) {
    trailers += "X: " + std::string(1000, 'x') + "\r\n";
  }
  EXPECT_TRUE(run(kGet, trailers, 0, 0).unparsed);
  std::string pipeline;
  for (std::size_t i = 0; i <= kMaxPipelined; ++i) {
    pipeline += kGet;
  }
  EXPECT_TRUE(run(pipeline, "", 0, 0).unparsed);
}

TEST(Http1, MutatedInputGivesTheSameLogForAnySplit) {
  std::mt19937 random(3);
  const std::string out =
      "POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" + kGet;
  const std::string in =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: 1\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  for (int round = 0; round < 5000; ++round) {
    std::string o = out;
    std::string i = in;
    for (std::size_t n = random() % 4; n > 0; --n) {
      std::string& victim = random() % 2 == 0 ? o : i;
      const std::size_t at = random() % victim.size();
      if (random() % 2 == 0) {
        victim[at] = static_cast<char>(random());
      } else {
        victim.erase(at, 1 + random() % 6);
      }
    }
    ASSERT_EQ(run(o, i, random() % (o.size() + 1), random() % (i.size() + 1)).text,
              run(o, i, 0, 0).text)
        << testing::PrintToString(o) << testing::PrintToString(i);
  }
}

}  // namespace
}  // namespace agp::http1
