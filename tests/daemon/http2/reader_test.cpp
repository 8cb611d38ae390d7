#include "daemon/http2/reader.h"

#include "daemon/http2/limits.h"
#include "tests/daemon/http2/wire.h"
#include "tests/support/heap.h"

#include <random>

#include <gtest/gtest.h>

namespace agp::http2 {
namespace {

using wire::Fields;

/// Writes down what happens, bodies joined.
class Recorder final : public Sink {
 public:
  struct Log {
    std::string events;  // of one stream
    std::string request_body;
    std::string response_body;
    Octets octets;
    std::size_t body_calls = 0;
  };
  std::map<StreamId, Log> streams;
  std::size_t requests = 0;
  bool keep_bodies = true;
  bool wanted = true;

  void on_request_begin() override { ++requests; }
  std::unique_ptr<StreamSink> on_request(StreamId id, const Head& head) override {
    Log& log = streams[id];
    log.events += std::string(head.method) + " " + std::string(head.target) +
                  (head.protocol.empty() ? "" : " " + std::string(head.protocol)) +
                  (head.is_cut ? " cut" : "") + "\n";
    return wanted && head.target != "/other" ? std::make_unique<One>(this, id) : nullptr;
  }

  [[nodiscard]] std::string text() const {
    std::string out;
    for (const auto& [id, log] : streams) {
      out += std::to_string(id) + ":" + log.events + "[" + log.request_body + "|" +
             log.response_body + "]" + std::to_string(log.octets.request) + "," +
             std::to_string(log.octets.response) + "\n";
    }
    return out;
  }

 private:
  class One final : public StreamSink {
   public:
    One(Recorder* all, StreamId id) : all_(all), id_(id) {}
    void on_request_body(Bytes body) override { add(&log().request_body, body); }
    void on_request_end() override { log().events += "sent\n"; }
    void on_response_begin() override { log().events += "begin\n"; }
    void on_response(const Head& head) override {
      log().events += std::to_string(head.status) + "\n";
    }
    void on_response_body(Bytes body) override { add(&log().response_body, body); }
    void on_trailers(Direction direction, const Head& trailers) override {
      log().events += direction == Direction::request ? "< " : "> ";
      log().events += std::string(trailers.field("grpc-status")) + "\n";
    }
    void on_client_end(Octets) override { log().events += "client ended\n"; }
    void on_end(StreamEnd how, Octets octets) override {
      static constexpr const char* kNames[] = {"complete", "reset", "refused", "lost"};
      log().events += std::string(kNames[static_cast<int>(how)]) + "\n";
      log().octets = octets;
    }

   private:
    Log& log() { return all_->streams[id_]; }
    void add(std::string* to, Bytes body) {
      ++log().body_calls;
      if (all_->keep_bodies) {
        to->append(as_text(body));
      }
    }
    Recorder* all_;
    StreamId id_;
  };
};

/// A connection whose peers have said hello.
struct Wire {
  std::string out = std::string(wire::kPreface) + wire::settings();
  std::string in = wire::settings() + wire::settings_ack();
  wire::Encoder client;
  wire::Encoder upstream;
};

struct Peers {
  Recorder recorder;
  ConnectionReader reader{&recorder};

  void client(std::string_view text) { feed(Direction::request, text); }
  void upstream(std::string_view text) { feed(Direction::response, text); }
  void feed(Direction direction, std::string_view text) {
    const std::vector<char> owned(text.begin(), text.end());  // so that overreads are seen
    reader.feed(direction, as_bytes({owned.data(), owned.size()}));
  }
  std::string events(StreamId id) { return recorder.streams[id].events; }
};

/// Requests out of a realistic exchange: interim answer, padding, priority, CONTINUATION, trailers,
/// unknown frames, a stream nobody wants in between.
std::pair<std::string, std::string> exchange() {
  Wire w;
  w.out += w.client.split_headers(1, wire::request("/v1internal:streamGenerateContent"), 9);
  w.out += wire::padded_data(1, "{\"model\":", 5) + wire::frame(0xEE, 0xFF, 1, "grease");
  w.out += w.client.headers(3, wire::request("/other")) + wire::data(3, "ignored", true);
  w.out += wire::settings_ack() + wire::data(1, "\"x\"}", true);
  w.in += w.upstream.headers(1, {{":status", "103"}, {"link", "</a>"}});
  w.in += w.upstream.split_headers(1, wire::response(), 4);
  w.in += wire::data(1, "one") + wire::data(3, "not ours");
  w.in += w.upstream.headers(3, wire::response("text/plain"));
  w.in += wire::padded_data(1, "two", 200) + wire::padded_data(1, "", 0) + wire::data(1, "");
  w.in += w.upstream.headers(3, {{"grpc-status", "9"}}, true);
  w.in += w.upstream.headers(1, {{"grpc-status", "0"}}, true);
  return {w.out, w.in};
}

TEST(Http2Reader, ReportsTheExchange) {
  const auto [out, in] = exchange();
  Peers run;
  run.client(out);
  run.upstream(in);
  EXPECT_EQ(run.events(1),
            "POST /v1internal:streamGenerateContent\nsent\nbegin\nbegin\n200\n> 0\ncomplete\n");
  EXPECT_EQ(run.events(3), "POST /other\n");
  EXPECT_EQ(run.recorder.streams[1].request_body, R"({"model":"x"})");
  EXPECT_EQ(run.recorder.streams[1].response_body, "onetwo");
  EXPECT_EQ(run.recorder.requests, 2u);
  EXPECT_TRUE(run.reader.is_idle());
  EXPECT_FALSE(run.reader.is_unparsed());
}

TEST(Http2Reader, EverySplitIsEquivalent) {
  const auto [out, in] = exchange();
  const auto run_all = [&out = out, &in = in](std::size_t cut_out, std::size_t cut_in) {
    Peers run;
    run.client(std::string_view(out).substr(0, cut_out));
    run.client(std::string_view(out).substr(cut_out));
    run.upstream(std::string_view(in).substr(0, cut_in));
    run.upstream(std::string_view(in).substr(cut_in));
    return run.recorder.text();
  };
  const std::string whole = run_all(0, 0);
  for (std::size_t cut = 0; cut <= out.size(); ++cut) {
    ASSERT_EQ(run_all(cut, 0), whole) << cut;
  }
  for (std::size_t cut = 0; cut <= in.size(); ++cut) {
    ASSERT_EQ(run_all(0, cut), whole) << cut;
  }
  Peers bytewise;
  for (const char c : out) {
    bytewise.client({&c, 1});
  }
  for (const char c : in) {
    bytewise.upstream({&c, 1});
  }
  EXPECT_EQ(bytewise.recorder.text(), whole);
}

TEST(Http2Reader, CountsBlocksAndPayloadPerStream) {
  Wire w;
  const std::string request_block = w.client.block(wire::request("/a"));
  const std::string response_block = w.upstream.block(wire::response());
  Peers run;
  run.client(w.out + wire::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, request_block) +
             wire::padded_data(1, "12345", 9, true));
  run.upstream(w.in + wire::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, response_block) +
               wire::data(1, "123", true));
  EXPECT_EQ(run.recorder.streams[1].octets.request, request_block.size() + 5);
  EXPECT_EQ(run.recorder.streams[1].octets.response, response_block.size() + 3);
}

TEST(Http2Reader, InterleavedStreamsKeepApart) {
  Wire w;
  std::string out = w.out;
  std::string in = w.in;
  constexpr StreamId kStreams = 50;
  for (StreamId i = 0; i < kStreams; ++i) {
    out += w.client.headers(2 * i + 1, wire::request("/" + std::to_string(i)));
    in += w.upstream.headers(2 * i + 1, wire::response());
  }
  for (int round = 0; round < 10; ++round) {
    for (StreamId i = 0; i < kStreams; ++i) {
      out += wire::data(2 * i + 1, std::to_string(i), round == 9);
      in += wire::data(2 * i + 1, "a" + std::to_string(i), round == 9);
    }
  }
  Peers run;
  run.client(out);
  EXPECT_EQ(run.reader.open_streams(), kStreams);
  EXPECT_FALSE(run.reader.is_idle());
  run.upstream(in);
  EXPECT_TRUE(run.reader.is_idle());
  for (StreamId i = 0; i < kStreams; ++i) {
    std::string expected;
    for (int round = 0; round < 10; ++round) {
      expected += "a" + std::to_string(i);
    }
    EXPECT_EQ(run.recorder.streams[2 * i + 1].response_body, expected);
  }
}

TEST(Http2Reader, ResetsEndTheStreamOnce) {
  for (const bool by_client : {true, false}) {
    Wire w;
    Peers run;
    run.client(w.out + w.client.headers(1, wire::request("/a")) + wire::data(1, "x"));
    run.upstream(w.in + w.upstream.headers(1, wire::response()) + wire::data(1, "y"));
    if (by_client) {
      run.client(wire::reset(1));
    } else {
      run.upstream(wire::reset(1));
    }
    EXPECT_EQ(run.events(1), "POST /a\nbegin\n200\nreset\n");
    EXPECT_TRUE(run.reader.is_idle());
    // What was on its way comes to nothing; its field blocks still feed the table.
    run.upstream(wire::data(1, "late") + w.upstream.headers(1, {{"late", "trailer"}}, true));
    run.client(w.client.headers(3, wire::request("/b"), true));
    run.upstream(w.upstream.headers(3, {{":status", "200"}, {"late", "trailer"}}, true));
    EXPECT_EQ(run.events(1), "POST /a\nbegin\n200\nreset\n");
    EXPECT_EQ(run.events(3), "POST /b\nsent\nbegin\n200\ncomplete\n");
  }
}

TEST(Http2Reader, AResetInTheMiddleOfTheOtherSidesFrameIsSafe) {
  Wire w;
  Peers run;
  run.client(w.out + w.client.headers(1, wire::request("/a")));
  run.upstream(w.in + w.upstream.headers(1, wire::response()));
  const std::string frame = wire::data(1, "0123456789") + wire::data(1, "more");
  run.upstream(frame.substr(0, 12));
  run.client(wire::reset(1));
  run.upstream(frame.substr(12));
  EXPECT_EQ(run.recorder.streams[1].response_body, "012");
  // And in the middle of a field block.
  run.client(w.client.headers(3, wire::request("/b")));
  const std::string head = w.upstream.headers(3, wire::response(), true);
  run.upstream(head.substr(0, 10));
  run.client(wire::reset(3));
  run.upstream(head.substr(10));
  EXPECT_EQ(run.events(3), "POST /b\nbegin\nreset\n");
  EXPECT_FALSE(run.reader.is_unparsed());
}

TEST(Http2Reader, AResponseThatComesBeforeTheRequestEndsIsComplete) {
  Wire w;
  Peers run;
  run.client(w.out + w.client.headers(1, wire::request("/a")) + wire::data(1, "x"));
  run.upstream(w.in + w.upstream.headers(1, {{":status", "413"}}, true));
  EXPECT_EQ(run.events(1), "POST /a\nbegin\n413\ncomplete\n");
  EXPECT_FALSE(run.reader.is_idle());
  EXPECT_EQ(run.reader.followed_streams(), 0u);
  run.client(wire::data(1, "rest", true));
  EXPECT_TRUE(run.reader.is_idle());
}

TEST(Http2Reader, GrpcUnaryStreamAndTrailersOnly) {
  Wire w;
  const Fields grpc{{":method", "POST"}, {":path", "/s/M"}, {"content-type", "application/grpc"}};
  Peers run;
  run.client(w.out + w.client.headers(1, grpc));
  run.client(wire::data(1, std::string(5, '\0'), true));
  run.client(w.client.headers(3, grpc) + wire::data(3, "", true));
  run.upstream(w.in + w.upstream.headers(1, wire::response("application/grpc")));
  run.upstream(wire::data(1, std::string(5, '\0')) +
               w.upstream.headers(1, {{"grpc-status", "0"}}, true));
  run.upstream(w.upstream.headers(3, {{":status", "200"}, {"grpc-status", "12"}}, true));
  EXPECT_EQ(run.events(1), "POST /s/M\nsent\nbegin\n200\n> 0\ncomplete\n");
  EXPECT_EQ(run.events(3), "POST /s/M\nsent\nbegin\n200\ncomplete\n");
}

TEST(Http2Reader, RequestTrailersEndTheRequest) {
  Wire w;
  Peers run;
  run.client(w.out + w.client.headers(1, wire::request("/a")) + wire::data(1, "x") +
             w.client.headers(1, {{"grpc-status", "5"}}, true));
  EXPECT_EQ(run.events(1), "POST /a\n< 5\nsent\n");
}

TEST(Http2Reader, AMessageOf64MiBPassesInPiecesWithoutACopy) {
  Wire w;
  Peers run;
  run.recorder.keep_bodies = false;
  run.client(w.out + w.client.headers(1, wire::request("/a"), true));
  run.upstream(w.in + w.upstream.headers(1, wire::response()));
  const std::string frame = wire::data(1, std::string(16384, 'x'));
  for (std::size_t sent = 0; sent < 64u << 20; sent += 16384) {
    run.reader.feed(Direction::response, as_bytes(frame));
  }
  run.upstream(wire::data(1, "", true));
  EXPECT_EQ(run.recorder.streams[1].body_calls, (64u << 20) / 16384);  // each where it lay
  EXPECT_EQ(run.events(1), "POST /a\nsent\nbegin\n200\ncomplete\n");
}

TEST(Http2Reader, GoawayEndsOnlyWhatUpstreamDidNotTake) {
  Wire w;
  Peers run;
  run.client(w.out + w.client.headers(1, wire::request("/a"), true));
  run.client(w.client.headers(3, wire::request("/b"), true));
  run.upstream(w.in + wire::goaway(0x7FFFFFFF) + wire::goaway(1));
  EXPECT_EQ(run.events(3), "POST /b\nsent\nrefused\n");
  EXPECT_EQ(run.events(1), "POST /a\nsent\n");
  run.upstream(w.upstream.headers(1, wire::response(), true));
  EXPECT_EQ(run.events(1), "POST /a\nsent\nbegin\n200\ncomplete\n");
  EXPECT_TRUE(run.reader.is_idle());
}

TEST(Http2Reader, ARequestThatCrossesAGoawayIsRefusedAtOnce) {
  Wire w;
  Peers run;
  run.client(w.out + w.client.headers(1, wire::request("/a"), true));
  run.upstream(w.in + wire::goaway(1));
  run.client(w.client.headers(3, wire::request("/b")) + wire::data(3, "body", true));
  EXPECT_EQ(run.events(3), "POST /b\nrefused\n");
  run.upstream(w.upstream.headers(1, wire::response(), true));
  EXPECT_EQ(run.events(1), "POST /a\nsent\nbegin\n200\ncomplete\n");
  EXPECT_TRUE(run.reader.is_idle());
}

TEST(Http2Reader, TheEndOfTheConnectionLosesWhatIsOpen) {
  Wire w;
  Peers run;
  run.client(w.out + w.client.headers(1, wire::request("/a"), true));
  run.reader.finish(Direction::request);
  EXPECT_EQ(run.events(1), "POST /a\nsent\nclient ended\n");
  run.upstream(w.in + w.upstream.headers(1, wire::response()));
  run.reader.finish(Direction::response);
  EXPECT_EQ(run.events(1), "POST /a\nsent\nclient ended\nbegin\n200\nlost\n");
  run.reader.finish(Direction::response);
  EXPECT_EQ(run.events(1), "POST /a\nsent\nclient ended\nbegin\n200\nlost\n");
}

TEST(Http2Reader, ExtendedConnectNamesItsProtocol) {
  Wire w;
  Peers run;
  run.client(w.out + w.client.headers(1, {{":method", "CONNECT"},
                                          {":protocol", "websocket"},
                                          {":scheme", "https"},
                                          {":path", "/v1/responses"},
                                          {":authority", "h"}}));
  run.client(wire::data(1, "up"));
  run.upstream(w.in + w.upstream.headers(1, {{":status", "200"}}) + wire::data(1, "down"));
  EXPECT_EQ(run.events(1), "CONNECT /v1/responses websocket\nbegin\n200\n");
  EXPECT_EQ(run.recorder.streams[1].request_body, "up");
  EXPECT_EQ(run.recorder.streams[1].response_body, "down");
}

TEST(Http2Reader, PlainConnectIsAStreamLikeAnyOther) {
  Wire w;
  Peers run;
  run.client(w.out + w.client.headers(1, {{":method", "CONNECT"}, {":authority", "h:443"}}));
  run.upstream(w.in + w.upstream.headers(1, {{":status", "200"}}) + wire::data(1, "x", true));
  run.client(wire::data(1, "", true));
  EXPECT_TRUE(run.reader.is_idle());
}

TEST(Http2Reader, PushedStreamsKeepTheConnectionBusyAndAreNotFollowed) {
  Wire w;
  Peers run;
  run.client(w.out + w.client.headers(1, wire::request("/a"), true));
  const std::string promise = w.upstream.block(wire::request("/pushed"));
  run.upstream(w.in +
               wire::frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_PADDED, 1,
                           std::string(1, '\3') + wire::u32(2) + promise.substr(0, 3) +
                               std::string(3, '\0')) +
               wire::frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, promise.substr(3)));
  run.upstream(w.upstream.headers(1, wire::response(), true));
  EXPECT_FALSE(run.reader.is_idle());
  run.upstream(w.upstream.headers(2, wire::response()) + wire::data(2, "x", true));
  EXPECT_TRUE(run.reader.is_idle());
  EXPECT_EQ(run.recorder.streams.count(2), 0u);
}

TEST(Http2Reader, TheOtherSidesTableSizeGovernsTheEncoder) {
  // Upstream allows 64 kB; the client's encoder uses it from its acknowledgement on.
  const std::string grow = wire::settings(wire::setting(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 65536));
  wire::Encoder client(65536);
  client.change_table_size(4096);
  Peers run;
  run.client(std::string(wire::kPreface) + wire::settings());
  run.upstream(grow + wire::settings_ack());
  client.change_table_size(65536);
  Fields large = wire::request("/a");
  for (int i = 0; i < 300; ++i) {
    large.emplace_back("x-" + std::to_string(i), "value" + std::to_string(i));
  }
  run.client(wire::settings_ack() + client.headers(1, large, true));
  run.client(client.headers(3, large, true));
  EXPECT_FALSE(run.reader.is_unparsed());
  EXPECT_EQ(run.events(3), "POST /a\nsent\n");
  // And back to nothing: what is in the table is gone with the acknowledgement, not before.
  run.upstream(wire::settings(wire::setting(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0)));
  run.client(client.headers(5, large, true));
  EXPECT_EQ(run.events(5), "POST /a\nsent\n");
  client.change_table_size(0);
  run.client(wire::settings_ack() + client.headers(7, large, true));
  EXPECT_EQ(run.events(7), "POST /a\nsent\n");
  EXPECT_FALSE(run.reader.is_unparsed());
}

TEST(Http2Reader, AnAcknowledgementOfHalfAFrameIsNone) {
  Wire w;
  Peers run;
  run.client(w.out);
  run.upstream(wire::settings());
  const std::string two = wire::settings(wire::setting(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 100) +
                                         wire::setting(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 0));
  run.upstream(two.substr(0, 16));
  run.client(wire::settings_ack() + wire::settings_ack() + wire::settings_ack());
  run.upstream(two.substr(16));
  // Not in force yet: the encoder may still use what it has.
  run.client(w.client.headers(1, wire::request("/a"), true));
  run.client(w.client.headers(3, wire::request("/a"), true));
  EXPECT_FALSE(run.reader.is_unparsed());
  EXPECT_EQ(run.events(3), "POST /a\nsent\n");
}

TEST(Http2Reader, ATableLargerThanAllowedIsUnparsed) {
  wire::Encoder client(65536);
  client.change_table_size(65536);
  Peers run;
  run.client(std::string(wire::kPreface) + wire::settings() +
             client.headers(1, wire::request("/a"), true));
  EXPECT_TRUE(run.reader.is_unparsed());
}

TEST(Http2Reader, WhatIsNotHttp2IsUnparsed) {
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string("PRI * HTTP/1.0\r\n"),
        std::string(wire::kPreface) + wire::data(1, "x")}) {
    Peers run;
    run.client(text);
    EXPECT_TRUE(run.reader.is_unparsed()) << text;
    EXPECT_FALSE(run.reader.is_idle());
  }
}

TEST(Http2Reader, FramesThatNoPeerAcceptsAreUnparsedAndLoseTheOpenStreams) {
  wire::Encoder spare;
  const std::string block = spare.block(wire::request("/x"));
  const auto bad = std::initializer_list<std::pair<const char*, std::string>>{
      {"DATA without stream", wire::data(0, "x")},
      {"HEADERS without stream", wire::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 0, block)},
      {"padding longer than the frame", wire::frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\x7Fx")},
      {"padded frame without octets", wire::frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "")},
      {"padding into the priority",
       wire::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY, 3, "\x03uuuuuu")},
      {"CONTINUATION without HEADERS", wire::frame(NGHTTP2_CONTINUATION, 0, 1, block)},
      {"another frame inside a block",
       wire::frame(NGHTTP2_HEADERS, 0, 3, block) + wire::frame(NGHTTP2_PING, 0, 0, "12345678")},
      {"CONTINUATION of another stream",
       wire::frame(NGHTTP2_HEADERS, 0, 3, block) + wire::frame(NGHTTP2_CONTINUATION, 4, 5, "")},
      {"short RST_STREAM", wire::frame(NGHTTP2_RST_STREAM, 0, 1, "abc")},
      {"short GOAWAY", wire::frame(NGHTTP2_GOAWAY, 0, 0, "abc")},
      {"odd SETTINGS", wire::frame(NGHTTP2_SETTINGS, 0, 0, "1234567")},
      {"SETTINGS on a stream", wire::frame(NGHTTP2_SETTINGS, 0, 1, "")},
      {"acknowledgement with payload", wire::frame(NGHTTP2_SETTINGS, 1, 0, "123456")},
      {"frame above the allowed size", wire::data(1, std::string(16385, 'x'))},
      {"no HPACK", wire::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 3, "\xFF\xFF\xFF\xFF")},
      {"block cut short",
       wire::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 3, block.substr(0, 9))},
  };
  for (const auto& [name, octets] : bad) {
    Wire w;
    Peers run;
    run.client(w.out + w.client.headers(1, wire::request("/a")));
    run.upstream(w.in);
    ASSERT_FALSE(run.reader.is_unparsed());
    run.client(octets);
    EXPECT_TRUE(run.reader.is_unparsed()) << name;
    EXPECT_EQ(run.events(1), "POST /a\nlost\n") << name;
    EXPECT_EQ(run.reader.open_streams(), 0u);
    run.client(w.client.headers(9, wire::request("/b")));
    EXPECT_EQ(run.recorder.streams.count(9), 0u) << name;
  }
}

TEST(Http2Reader, ALargerFrameIsFineOnceTheReceiverAllowsIt) {
  Wire w;
  Peers run;
  run.client(w.out + w.client.headers(1, wire::request("/a")));
  run.upstream(wire::settings(wire::setting(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 20)));
  run.client(wire::data(1, std::string(1 << 20, 'x'), true));
  EXPECT_EQ(run.events(1), "POST /a\nsent\n");
}

TEST(Http2Reader, IdsThatGoBackwardsAreDecodedAndDropped) {
  Wire w;
  Peers run;
  run.client(w.out);
  run.client(w.client.headers(5, wire::request("/a"), true));
  run.client(w.client.headers(3, wire::request("/back"), true));
  run.client(w.client.headers(4, wire::request("/even"), true));
  run.client(w.client.headers(7, wire::request("/back"), true));
  EXPECT_EQ(run.recorder.streams.size(), 2u);
  EXPECT_EQ(run.events(7), "POST /back\nsent\n");
}

TEST(Http2Reader, UnknownFramesAndSettingsAreIgnored) {
  Wire w;
  Peers run;
  run.client(w.out + wire::frame(0x0B, 0xFF, 77, "whatever") +
             wire::settings(wire::setting(0xF00D, 7)) +
             w.client.headers(1, wire::request("/a"), true) + wire::frame(0x20, 0, 0, ""));
  EXPECT_EQ(run.events(1), "POST /a\nsent\n");
}

TEST(Http2Reader, FloodsOfControlFramesCostNothing) {
  Wire w;
  Peers run;
  run.client(w.out);
  run.upstream(w.in);
  std::string flood;
  for (int i = 0; i < 1000; ++i) {
    flood += wire::frame(NGHTTP2_PING, 0, 0, "12345678") + wire::settings() +
             wire::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, wire::u32(1)) +
             wire::frame(NGHTTP2_PRIORITY, 0, 9, "12345") + wire::reset(99) + wire::settings_ack() +
             wire::frame(NGHTTP2_DATA, 0, 1, "");
  }
  for (int i = 0; i < 20; ++i) {
    run.client(flood);
  }
  EXPECT_FALSE(run.reader.is_unparsed());
  EXPECT_TRUE(run.reader.is_idle());
}

/// A flow control window is a matter between the peers: whatever is said about one, the octets on
/// the wire are read as they come.
TEST(Http2Reader, WindowGamesChangeNothing) {
  const std::uint32_t largest = 0x7FFFFFFF;
  std::string games;
  for (const StreamId id : {0u, 1u, 77u}) {
    for (const std::uint32_t by : {0u, 1u, largest, largest, 0x80000000u, 0xFFFFFFFFu}) {
      games += wire::frame(NGHTTP2_WINDOW_UPDATE, 0, id, wire::u32(by));
    }
  }
  for (const std::uint32_t size : {0u, largest, 1u, 0x80000000u, 0xFFFFFFFFu, 0u}) {
    games += wire::settings(wire::setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, size)) +
             wire::settings_ack();
  }
  const auto play = [](const std::string& between) {
    Wire w;
    Peers run;
    run.client(w.out + between);
    run.upstream(w.in + between);
    run.client(w.client.headers(1, wire::request("/a")) + between + wire::data(1, "question"));
    run.upstream(w.upstream.headers(1, wire::response()) + between);
    test::HeapGrowth heap;
    run.recorder.keep_bodies = false;
    for (int i = 0; i < 1000; ++i) {
      run.client(between + wire::data(1, "more"));
      run.upstream(wire::data(1, std::string(1000, 'x')) + between);
      heap.look();
    }
    EXPECT_LT(heap.most(), 4096u);
    run.client(wire::data(1, "", true));
    run.upstream(between + wire::data(1, "end", true) + between);
    EXPECT_FALSE(run.reader.is_unparsed());
    EXPECT_TRUE(run.reader.is_idle());
    return run.recorder.text();
  };
  EXPECT_EQ(play(games), play(""));
}

TEST(Http2Reader, FloodsInTheMiddleOfAStreamAreReadOverAndNotKept) {
  const std::pair<const char*, std::string> floods[] = {
      {"PING", wire::frame(NGHTTP2_PING, 0, 0, "12345678")},
      {"SETTINGS", wire::settings()},
      {"SETTINGS up and down",
       wire::settings(wire::setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x7FFFFFFF) +
                      wire::setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0))},
      {"acknowledgements", wire::settings_ack()},
      {"table sizes, acknowledged",
       wire::settings(wire::setting(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 4096))},
      {"PRIORITY", wire::frame(NGHTTP2_PRIORITY, 0, 1, "12345")},
      {"WINDOW_UPDATE", wire::frame(NGHTTP2_WINDOW_UPDATE, 0, 1, wire::u32(1))},
      {"RST_STREAM of others", wire::reset(99)},
      {"empty DATA", wire::data(1, "")},
      {"DATA of padding alone", wire::padded_data(1, "", 200)},
      {"DATA of others", wire::data(99, "octets")},
      {"GOAWAY", wire::goaway(1)},
      {"unknown", wire::frame(0x77, 0xFF, 1, "?")},
  };
  for (const auto& [name, frame] : floods) {
    for (const Direction from : {Direction::request, Direction::response}) {
      SCOPED_TRACE(std::string(name) + (from == Direction::request ? ", client" : ", upstream"));
      const Direction to = from == Direction::request ? Direction::response : Direction::request;
      Wire w;
      Peers run;
      run.client(w.out + w.client.headers(1, wire::request("/a")));
      run.upstream(w.in + w.upstream.headers(1, wire::response()));
      const std::string piece = frame + frame + frame;
      const std::string answers =
          wire::settings_ack() + wire::settings_ack() + wire::settings_ack();
      test::HeapGrowth heap;
      for (int i = 0; i < 5000; ++i) {
        run.feed(from, piece);
        run.feed(to, answers);
        heap.look();
      }
      EXPECT_LT(heap.most(), 4096u);
      EXPECT_FALSE(run.reader.is_unparsed());
      EXPECT_EQ(run.reader.open_streams(), 1u);
      run.client(wire::data(1, "asked", true));
      run.upstream(wire::data(1, "answered", true));
      EXPECT_EQ(run.recorder.streams[1].request_body, "asked");
      EXPECT_EQ(run.recorder.streams[1].response_body, "answered");
      EXPECT_TRUE(run.events(1).ends_with("complete\n"));
    }
  }
}

TEST(Http2Reader, AFloodThatMakesItUnparsedLeavesNothingBehind) {
  for (const Direction from : {Direction::request, Direction::response}) {
    SCOPED_TRACE(from == Direction::request ? "client" : "upstream");
    Wire w;
    Peers run;
    run.client(w.out + w.client.headers(1, wire::request("/a")));
    run.upstream(w.in);
    test::HeapGrowth heap;
    run.feed(from, wire::frame(NGHTTP2_HEADERS, 0, 1, ""));
    std::size_t sent = 0;
    for (; !run.reader.is_unparsed() && sent < 2 * kMaxContinuations; ++sent) {
      // One field of 60 octets in each.
      run.feed(from, wire::frame(NGHTTP2_CONTINUATION, 0, 1,
                                 std::string("\0\4name\x32", 7) + std::string(50, 'v')));
      heap.look();
    }
    EXPECT_EQ(sent, kMaxContinuations + 1);
    EXPECT_LT(heap.most(), kMaxHeaderListBytes / 2);
    EXPECT_TRUE(run.events(1).ends_with("lost\n"));
    EXPECT_EQ(run.reader.open_streams(), 0u);
    test::HeapGrowth after;
    for (int i = 0; i < 1000; ++i) {
      run.feed(from, wire::frame(NGHTTP2_CONTINUATION, 0, 1, std::string(1000, 'x')));
      after.look();
    }
    EXPECT_LT(after.most(), 1024u);
  }
}

TEST(Http2Reader, TableSizesThatNobodyAcknowledgesAreUnparsedAtTheLimit) {
  Wire w;
  Peers run;
  run.client(w.out);
  const std::string one = wire::settings(wire::setting(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 100) +
                                         wire::setting(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, 200));
  for (std::size_t i = 0; i < kMaxPendingTableSizes; ++i) {
    run.client(one);
  }
  EXPECT_FALSE(run.reader.is_unparsed());
  run.client(one);
  EXPECT_TRUE(run.reader.is_unparsed());
}

TEST(Http2Reader, AContinuationFloodIsUnparsedAtTheLimit) {
  Wire w;
  Peers run;
  run.client(w.out + wire::frame(NGHTTP2_HEADERS, 0, 1, ""));
  for (std::size_t i = 0; i < kMaxContinuations; ++i) {
    run.client(wire::frame(NGHTTP2_CONTINUATION, 0, 1, ""));
  }
  EXPECT_FALSE(run.reader.is_unparsed());
  run.client(wire::frame(NGHTTP2_CONTINUATION, 0, 1, ""));
  EXPECT_TRUE(run.reader.is_unparsed());
}

TEST(Http2Reader, ABlockAboveTheLimitIsUnparsed) {
  Wire w;
  Peers run;
  run.client(w.out + wire::frame(NGHTTP2_HEADERS, 0, 1, ""));
  const std::string indexed(16384,
                            '\x82');  // ":method: GET" from the static table, again and again
  for (std::size_t sent = 0; sent < kMaxBlockBytes; sent += indexed.size()) {
    run.client(wire::frame(NGHTTP2_CONTINUATION, 0, 1, indexed));
  }
  EXPECT_FALSE(run.reader.is_unparsed());
  run.client(wire::frame(NGHTTP2_CONTINUATION, 0, 1, "\x82"));
  EXPECT_TRUE(run.reader.is_unparsed());
}

TEST(Http2Reader, AHeaderListAboveTheLimitIsCutAndTheStreamGoesOn) {
  Wire w;
  Fields fields = wire::request("/a");
  for (int i = 0; i < 8; ++i) {
    fields.emplace_back("bomb", std::string(3000, 'b'));
  }
  std::string block = w.client.block(fields);
  for (int i = 0; i < 10'000; ++i) {
    block += '\xBE';  // the newest entry of the table: 3 kB for one octet
  }
  Peers run;
  run.client(w.out);
  run.client(wire::frame(NGHTTP2_HEADERS, 0, 1, block.substr(0, 9000)) +
             wire::frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, block.substr(9000)) +
             wire::data(1, "x", true));
  EXPECT_EQ(run.events(1), "POST /a cut\nsent\n");
}

TEST(Http2Reader, RapidResetKeepsNoState) {
  Wire w;
  Peers run;
  run.client(w.out);
  for (StreamId id = 1; id < 8'000; id += 2) {
    run.client(w.client.headers(id, wire::request("/a")) + wire::reset(id));
    ASSERT_EQ(run.reader.open_streams(), 0u);
    if (id % 100 == 1) {
      run.recorder.streams.clear();
    }
  }
  EXPECT_TRUE(run.reader.is_idle());
}

TEST(Http2Reader, AboveTheLimitStreamsAreLostForUsOnly) {
  Wire w;
  Peers run;
  run.client(w.out);
  for (StreamId i = 0; i <= kMaxFollowedStreams; ++i) {
    run.client(w.client.headers(2 * i + 1, wire::request("/a")));
  }
  EXPECT_EQ(run.events(2 * kMaxFollowedStreams + 1), "POST /a\nlost\n");
  EXPECT_EQ(run.events(1), "POST /a\n");
  EXPECT_EQ(run.reader.followed_streams(), kMaxFollowedStreams);
  run.client(wire::reset(1) + w.client.headers(2 * kMaxFollowedStreams + 3, wire::request("/b")));
  EXPECT_EQ(run.events(2 * kMaxFollowedStreams + 3), "POST /b\n");
}

TEST(Http2Reader, MoreOpenStreamsThanAnyServerAllowsAreUnparsed) {
  Wire w;
  Peers run;
  run.recorder.wanted = false;
  run.client(w.out);
  for (StreamId i = 0; i < kMaxOpenStreams; ++i) {
    run.client(w.client.headers(2 * i + 1, wire::request("/a")));
  }
  EXPECT_FALSE(run.reader.is_unparsed());
  run.client(w.client.headers(2 * kMaxOpenStreams + 1, wire::request("/a")));
  EXPECT_TRUE(run.reader.is_unparsed());
}

TEST(Http2Reader, PromisesAboveTheLimitAreUnparsed) {
  Wire w;
  Peers run;
  run.client(w.out);
  run.upstream(w.in);
  for (StreamId id = 2; id <= 2 * kMaxOpenStreams; id += 2) {
    run.upstream(wire::frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1, wire::u32(id)));
  }
  EXPECT_FALSE(run.reader.is_unparsed());
  run.upstream(wire::frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1,
                           wire::u32(2 * kMaxOpenStreams + 2)));
  EXPECT_TRUE(run.reader.is_unparsed());
}

TEST(Http2Reader, GoawaysThatRefuseMoreAndMoreAreUnparsedAtTheLimit) {
  Wire w;
  Peers run;
  run.client(w.out);
  run.upstream(w.in);
  for (std::size_t i = 0; i < kMaxGoaways; ++i) {
    run.upstream(wire::goaway(static_cast<StreamId>(1000 - i)) + wire::goaway(1000));
  }
  EXPECT_FALSE(run.reader.is_unparsed());
  run.upstream(wire::goaway(1));
  EXPECT_TRUE(run.reader.is_unparsed());
}

TEST(Http2Reader, ARequestOfHttp1BecomesStreamOne) {
  Recorder recorder;
  Peers run;
  FieldList list;
  list.add(":method", "POST");
  run.reader.adopt_request(run.recorder.on_request(1, list.head()));
  Wire w;
  run.client(w.out);
  run.upstream(w.in + w.upstream.headers(1, wire::response()) + wire::data(1, "x", true));
  EXPECT_EQ(run.events(1), "POST \nbegin\n200\ncomplete\n");
  EXPECT_TRUE(run.reader.is_idle());
}

TEST(Http2Reader, MutatedConnectionsNeverCrashAndDoNotDependOnSplits) {
  const auto [out, in] = exchange();
  std::mt19937 random(11);
  for (int round = 0; round < 1000; ++round) {
    std::string o = out;
    std::string i = in;
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      std::string& victim = random() % 2 == 0 ? o : i;
      victim[random() % victim.size()] = static_cast<char>(random());
    }
    const auto run_all = [&o, &i](std::size_t cut_out, std::size_t cut_in) {
      Peers run;
      run.client(std::string_view(o).substr(0, cut_out));
      run.client(std::string_view(o).substr(cut_out));
      run.upstream(std::string_view(i).substr(0, cut_in));
      run.upstream(std::string_view(i).substr(cut_in));
      run.reader.finish(Direction::response);
      return run.recorder.text();
    };
    const std::string whole = run_all(0, 0);
    ASSERT_EQ(run_all(random() % o.size(), random() % i.size()), whole);
  }
}

}  // namespace
}  // namespace agp::http2
