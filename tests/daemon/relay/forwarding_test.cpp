#include "daemon/relay/protocol_reader.h"
#include "daemon/usage/flags.h"
#include "tests/daemon/relay/support.h"

#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

/// What readers see and what the peers get are two things: invariant 10 of wire-formats
/// section 3.5, and who is named when a stream is cut.
namespace agp::relay {
namespace {

TEST(Forwarding, Invariant10OctetsArriveAsTheyWereSentWhateverTheReadersMakeOfThem) {
  std::mt19937 random(10);
  for (int round = 0; round < 16; ++round) {
    std::string request = kRequest;
    std::string answer = kAnswer;
    // Every kind of damage: framing, codings, JSON, and what is no HTTP at all.
    for (std::size_t n = random() % 12; n > 0; --n) {
      answer[random() % answer.size()] = static_cast<char>(random());
    }
    for (std::size_t n = round < 8 ? 0 : random() % 4; n > 0; --n) {
      request[random() % request.size()] = static_cast<char>(random());
    }
    if (round % 4 == 0) {
      answer += std::string(random() % 5000, static_cast<char>(random()));
    }
    Bench bench;
    bench.step = 1 + random() % 3000;
    bench.run();
    ASSERT_EQ(bench.connection.phase(), Phase::relaying);
    ASSERT_TRUE(bench.client->write(as_bytes(request)));
    bench.run();
    EXPECT_EQ(as_text(bench.server_got), request) << round;
    ASSERT_TRUE(bench.server->write(as_bytes(answer)));
    bench.run();
    EXPECT_EQ(as_text(bench.client_got), answer) << round;
  }
}

// Reading on, off and crashing: the octets of both legs are the same.

/// A reader that reads nothing.
class Blind final : public ProtocolReader {
 public:
  void on_bytes(Side, Bytes) override {}
  void on_end(Side, End) override {}
  [[nodiscard]] bool is_unparsed() const override { return false; }
  [[nodiscard]] bool is_idle() const override { return false; }
  [[nodiscard]] bool has_begun() const override { return true; }
};

/// The real reader, which breaks down at one of the calls to it.
class Crashing final : public ProtocolReader {
 public:
  static inline int calls_left = 0;

  explicit Crashing(std::unique_ptr<ProtocolReader> inner) : inner_(std::move(inner)) {}
  void on_bytes(Side from, Bytes plaintext) override {
    inner_->on_bytes(from, plaintext);
    crash();
  }
  void on_end(Side from, End how) override {
    crash();
    inner_->on_end(from, how);
  }
  [[nodiscard]] bool is_unparsed() const override { return inner_->is_unparsed(); }
  [[nodiscard]] bool is_idle() const override { return inner_->is_idle(); }
  [[nodiscard]] bool has_begun() const override { return true; }

 private:
  static void crash() {
    if (calls_left-- == 0) {
      throw std::runtime_error("a mistake of ours");
    }
  }

  std::unique_ptr<ProtocolReader> inner_;
};

std::unique_ptr<ProtocolReader> make_blind(std::string_view, Books*) {
  return std::make_unique<Blind>();
}

std::unique_ptr<ProtocolReader> make_crashing(std::string_view protocol, Books* books) {
  return std::make_unique<Crashing>(make_protocol_reader(protocol, books));
}

std::string http2_frame(std::uint8_t kind, std::uint8_t flags, char stream, std::string_view body) {
  const auto size = static_cast<unsigned>(body.size());
  return std::string{static_cast<char>(size >> 16U),
                     static_cast<char>(size >> 8U),
                     static_cast<char>(size),
                     static_cast<char>(kind),
                     static_cast<char>(flags),
                     0,
                     0,
                     0,
                     stream} +
         std::string(body);
}

std::string literal(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  for (const auto text : {name, value}) {
    out += static_cast<char>(text.size());
    out += text;
  }
  return out;
}

/// What client and upstream say in turn, and the protocol they say it in.
struct Talk {
  std::string protocol;
  std::vector<std::pair<Side, std::string>> lines;
};

std::vector<Talk> talks() {
  const std::string settings = http2_frame(4, 0, 0, "");
  const std::string request =
      http2_frame(1, 4, 1,
                  literal(":method", "POST") + literal(":scheme", "https") +
                      literal(":path", "/v1internal:streamGenerateContent?alt=sse") +
                      literal(":authority", "daily-cloudcode-pa.googleapis.com")) +
      http2_frame(0, 1, 1, "{}");
  const std::string answer =
      http2_frame(1, 4, 1,
                  literal(":status", "200") + literal("content-type", "text/event-stream")) +
      http2_frame(0, 0, 1, kBody.substr(0, 50)) + http2_frame(0, 1, 1, kBody.substr(50));
  const std::string upgrade =
      "GET /v1/responses HTTP/1.1\r\nHost: api.openai.com\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
      "Sec-WebSocket-Version: 13\r\n\r\n";
  const std::string upgraded =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
  return {
      {"http/1.1",
       {{Side::client, kRequest},
        {Side::upstream, kAnswer},
        {Side::client, std::string(kRequest) + kRequest},
        {Side::upstream, kAnswer + kAnswer}}},
      {"h2",
       {{Side::client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + request},
        {Side::upstream, settings + answer},
        {Side::client, http2_frame(7, 0, 0, std::string(8, '\0'))}}},
      {"http/1.1",
       {{Side::client, upgrade},
        {Side::upstream, upgraded},
        {Side::client, std::string("\x81\x82\0\0\0\0{}", 8)},
        {Side::upstream, "\x81\x02{}"}}},
  };
}

// What each end has got after every line, and after both have closed.
std::vector<std::pair<std::string, std::string>> heard(const Talk& talk,
                                                       MakeReader reader,
                                                       std::size_t step) {
  Bench bench({talk.protocol}, {.name = kHost}, talk.protocol);
  bench.surroundings.reader = reader;
  bench.step = step;
  bench.run();
  EXPECT_EQ(bench.connection.phase(), Phase::relaying);
  std::vector<std::pair<std::string, std::string>> out;
  const auto look = [&] {
    bench.run();
    out.emplace_back(as_text(bench.server_got), as_text(bench.client_got));
  };
  for (const auto& [from, text] : talk.lines) {
    EXPECT_TRUE((from == Side::client ? bench.client : bench.server)->write(as_bytes(text)));
    look();
  }
  bench.server->close();
  look();
  bench.connection.on_eof(Side::upstream, kNow);
  look();
  bench.client->close();
  bench.connection.on_eof(Side::client, kNow);
  look();
  EXPECT_TRUE(bench.client->has_peer_closed());
  return out;
}

TEST(Forwarding, IsTheSameWithTheReaderOnOffAndCrashingAnywhere) {
  for (const Talk& talk : talks()) {
    for (const std::size_t step : {std::size_t{7}, std::size_t{1} << 20U}) {
      const auto off = heard(talk, &make_blind, step);
      std::string to_server;
      std::string to_client;
      for (const auto& [from, text] : talk.lines) {
        (from == Side::client ? to_server : to_client) += text;
      }
      EXPECT_EQ(off.back(), std::pair(to_server, to_client));
      EXPECT_EQ(off, heard(talk, &make_protocol_reader, step));
      // Until a run is over before its reader crashes.
      for (int at = 0; at < 1000; ++at) {
        Crashing::calls_left = at;
        EXPECT_EQ(off, heard(talk, &make_crashing, step)) << talk.protocol << ' ' << at;
        if (Crashing::calls_left >= 0) {
          EXPECT_GT(at, 3);
          break;
        }
      }
    }
  }
}

TEST(Forwarding, ACutIsPutDownToTheSideThatMadeIt) {
  const auto cut = [](auto how) {
    Bench bench;
    bench.run();
    EXPECT_TRUE(bench.client->write(as_bytes(kRequest)));
    bench.run();
    EXPECT_TRUE(bench.server->write(as_bytes(kAnswer.substr(0, kAnswer.size() - 40))));
    bench.run();
    how(&bench);
    bench.collect();
    EXPECT_EQ(bench.records.size(), 1U);
    return bench.records.empty() ? std::nullopt : bench.records[0].closed_by;
  };
  EXPECT_EQ(cut([](Bench* b) { b->connection.on_reset(Side::upstream, kNow); }),
            usage::Closer::upstream);
  EXPECT_EQ(cut([](Bench* b) { b->connection.on_reset(Side::client, kNow); }),
            usage::Closer::client);
  EXPECT_EQ(cut([](Bench* b) { b->connection.on_timeout(kNow); }), std::nullopt);
  // A client that hears upstream's close_notify may be gone before upstream's own FIN is here.
  EXPECT_EQ(cut([](Bench* b) {
              b->server->close();
              b->run();
              b->client->close();
              b->run();
              b->connection.on_eof(Side::client, kNow);
              b->connection.on_eof(Side::upstream, kNow);
            }),
            usage::Closer::upstream);
}

// A body without a length ends with the connection: what tells its end from a cut is the
// close_notify.
TEST(Forwarding, ABodyThatEndsWithTheConnectionIsWholeThoughTheClientLeavesFirst) {
  const auto record_of = [](bool is_closed) {
    Bench bench;
    bench.run();
    EXPECT_TRUE(bench.client->write(as_bytes(kRequest)));
    bench.run();
    EXPECT_TRUE(bench.server->write(
        as_bytes(std::string("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                             "Connection: close\r\n\r\ndata: {\"response\":{\"candidates\":[{"
                             "\"finishReason\":\"STOP\"}]}}\n\n"))));
    bench.run();
    if (is_closed) {
      bench.server->close();
      bench.run();
    }
    bench.client->close();
    bench.run();
    bench.connection.on_eof(Side::client, kNow);
    bench.connection.on_eof(Side::upstream, kNow);
    bench.collect();
    EXPECT_EQ(bench.records.size(), 1U);
    return bench.records.empty() ? usage::Record() : bench.records[0];
  };
  EXPECT_EQ(record_of(true).flags.count(usage::flag::kTruncatedBody), 0U);
  EXPECT_EQ(record_of(false).flags.count(usage::flag::kTruncatedBody), 1U);
}

}  // namespace
}  // namespace agp::relay
