#include "daemon/relay/connection.h"

#include "tests/support/certificates.h"

#include <map>

#include <gtest/gtest.h>

namespace agp::relay {
namespace {

using testing::make_certificate;

constexpr const char* kHost = "daily-cloudcode-pa.googleapis.com";
constexpr usage::Micros kNow{std::chrono::microseconds(1'000'000)};

// Made once per name: keys are what makes these tests slow.
const testing::TestKeyPair& authority(const std::string& name) {
  static std::map<std::string, testing::TestKeyPair> made;
  auto& pair = made[name];
  if (!pair.key) {
    pair = make_certificate({.name = name, .is_authority = true});
  }
  return pair;
}

class FakeSurroundings final : public Surroundings {
 public:
  Disposition decide(const std::optional<std::string>& host) override {
    asked = host;
    return disposition;
  }
  SSL_CTX* upstream_context() override { return upstream.get(); }
  Result<std::shared_ptr<SSL_CTX>> leaf_context(const std::string& host, usage::Micros) override {
    minted = host;
    if (leaf_fails) {
      return Error{make_error_code(boost::system::errc::io_error), "test"};
    }
    return testing::server_context(make_certificate({.name = host}, &our_authority));
  }

  Disposition disposition = Disposition::inspect;
  std::optional<std::string> asked;
  std::string minted;
  bool leaf_fails = false;
  testing::TestKeyPair our_authority = authority("ours");
  testing::TestKeyPair their_authority = authority("theirs");
  std::shared_ptr<SSL_CTX> upstream = testing::client_context(their_authority);
};

// A client and a server around one connection, all without sockets.
struct Bench {
  FakeSurroundings surroundings;
  Buffer scratch;
  Connection connection{ConnectionFacts{}, &surroundings, &scratch};
  std::shared_ptr<SSL_CTX> client_side = testing::client_context(surroundings.our_authority);
  std::shared_ptr<SSL_CTX> server_side;
  std::optional<tls::Engine> client;
  std::optional<tls::Engine> server;
  Buffer client_got;
  Buffer server_got;
  Buffer to_client_raw;  // what the connection sent to the client before any engine looked at it
  std::vector<Command> commands;
  std::vector<usage::Record> records;
  Result<> client_result;
  std::size_t step = 1 << 20;
  bool answers_open = true;

  explicit Bench(std::vector<std::string> offers = {"h2", "http/1.1"},
                 const testing::CertificateSpec& leaf = {.name = kHost}) {
    server_side = testing::server_context(make_certificate(leaf, &surroundings.their_authority));
    client = std::move(*tls::Engine::client(client_side.get(), kHost, offers));
    server = std::move(*tls::Engine::server(server_side.get(), "http/1.1"));
  }

  void give(Side from, Bytes wire) {
    for (std::size_t at = 0; at < wire.size(); at += step) {
      connection.on_bytes(from, wire.subspan(at, std::min(step, wire.size() - at)), kNow);
      collect();
      connection.observe(kNow);
      collect();
    }
  }

  void collect() {
    while (auto command = connection.next_command()) {
      if (std::holds_alternative<OpenUpstream>(*command) && answers_open) {
        commands.push_back(*command);
        connection.on_upstream_open({}, kNow);
        continue;
      }
      commands.push_back(*command);
    }
    while (auto record = connection.next_record()) {
      records.push_back(*record);
    }
  }

  // Carries octets until nobody has any left.
  void run() {
    if (!client->is_ready() && client_result) {
      client_result = client->handshake();
    }
    for (bool moved = true; moved;) {
      moved = false;
      if (Buffer up = client->take_output(); !up.empty()) {
        moved = true;
        give(Side::client, up);
      }
      if (Buffer up = connection.take_output(Side::upstream); !up.empty()) {
        moved = true;
        (void)server->feed(up, server_got);
      }
      if (Buffer down = server->take_output(); !down.empty()) {
        moved = true;
        give(Side::upstream, down);
      }
      if (Buffer down = connection.take_output(Side::client); !down.empty() && client_result) {
        moved = true;
        append(to_client_raw, down);
        client_result = client->feed(down, client_got);
      }
    }
    collect();
  }

  bool has(Report::Kind kind) const {
    for (const auto& command : commands) {
      if (const auto* report = std::get_if<Report>(&command); report && report->kind == kind) {
        return true;
      }
    }
    return false;
  }
  template <class T>
  bool has() const {
    for (const auto& command : commands) {
      if (std::holds_alternative<T>(command)) {
        return true;
      }
    }
    return false;
  }
};

constexpr const char* kRequest =
    "POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: "
    "daily-cloudcode-pa.googleapis.com\r\nContent-Length: 2\r\n\r\n{}";
const std::string kBody =
    "data: {\"response\":{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},"
    "\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":7,"
    "\"candidatesTokenCount\":3,\"totalTokenCount\":10},\"modelVersion\":\"gemini-3-flash\"}}\n\n";
const std::string kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: " +
    std::to_string(kBody.size()) + "\r\n\r\n" + kBody;

TEST(Connection, CarriesBothDirectionsUnchangedAndCountsTheCall) {
  Bench bench;
  bench.run();
  ASSERT_TRUE(bench.client_result) << bench.client_result.error().text();
  ASSERT_EQ(bench.connection.phase(), Phase::relaying);
  EXPECT_EQ(bench.surroundings.asked, kHost);
  EXPECT_EQ(bench.surroundings.minted, kHost);
  EXPECT_EQ(bench.client->alpn(), "http/1.1");

  ASSERT_TRUE(bench.client->write(as_bytes(kRequest)));
  bench.run();
  EXPECT_EQ(as_text(bench.server_got), kRequest);
  ASSERT_TRUE(bench.server->write(as_bytes(kAnswer)));
  bench.run();
  EXPECT_EQ(as_text(bench.client_got), kAnswer);
  ASSERT_EQ(bench.records.size(), 1U);
  ASSERT_TRUE(bench.records[0].usage);
  EXPECT_EQ(bench.records[0].usage->input_total, 7U);
  EXPECT_EQ(bench.records[0].usage->output_total, 3U);
}

TEST(Connection, AnySplitOfTheWireGivesTheSameResult) {
  for (const std::size_t step : {1UL, 2UL, 7UL, 100UL, 1400UL}) {
    Bench bench;
    bench.step = step;
    bench.run();
    ASSERT_EQ(bench.connection.phase(), Phase::relaying) << step;
    ASSERT_TRUE(bench.client->write(as_bytes(kRequest)));
    bench.run();
    ASSERT_TRUE(bench.server->write(as_bytes(kAnswer)));
    bench.run();
    EXPECT_EQ(as_text(bench.server_got), kRequest) << step;
    EXPECT_EQ(as_text(bench.client_got), kAnswer) << step;
    EXPECT_EQ(bench.records.size(), 1U) << step;
  }
}

TEST(Connection, AClientWithoutAlpnIsServedWithoutAlpn) {
  Bench bench(std::vector<std::string>{});
  bench.run();
  ASSERT_EQ(bench.connection.phase(), Phase::relaying);
  EXPECT_EQ(bench.client->alpn(), "");
}

TEST(Connection, AClientThatOffersNothingWeRelayIsTold) {
  Bench bench(std::vector<std::string>{"h2"});
  bench.run();
  EXPECT_TRUE(bench.has(Report::Kind::no_common_protocol));
  ASSERT_FALSE(bench.client_result);
  EXPECT_EQ(bench.client_result.error().code, tls::EngineErrc::peer_alert);
  EXPECT_FALSE(bench.has<OpenUpstream>());
}

TEST(Connection, NothingOfTheClientLeavesBeforeUpstreamIsVerified) {
  Bench bench({"http/1.1"}, {.name = "other.example"});
  bench.run();
  EXPECT_TRUE(bench.has(Report::Kind::upstream_refused));
  EXPECT_TRUE(bench.server_got.empty());
  EXPECT_TRUE(bench.surroundings.minted.empty());
  ASSERT_FALSE(bench.client_result);
  EXPECT_EQ(bench.client_result.error().code, tls::EngineErrc::peer_alert);
}

TEST(Connection, ReportsAClientThatDoesNotTrustUs) {
  Bench bench;
  const auto stranger = make_certificate({.name = "stranger", .is_authority = true});
  const auto context = testing::client_context(stranger);
  bench.client = std::move(*tls::Engine::client(context.get(), kHost, {"http/1.1"}));
  bench.run();
  if (Buffer alert = bench.client->take_output(); !alert.empty()) {
    bench.give(Side::client, alert);
  }
  EXPECT_TRUE(bench.has(Report::Kind::client_refused));
}

TEST(Connection, TunnelsWithoutTouchingAnOctet) {
  Bench bench;
  bench.surroundings.disposition = Disposition::tunnel;
  bench.client_side = testing::client_context(bench.surroundings.their_authority);
  bench.client = std::move(*tls::Engine::client(bench.client_side.get(), kHost, {"http/1.1"}));
  bench.run();
  // The handshake is end to end: the client sees upstream's own certificate.
  ASSERT_TRUE(bench.client->is_ready());
  EXPECT_EQ(bench.connection.phase(), Phase::tunnelling);
  EXPECT_TRUE(bench.surroundings.minted.empty());
  ASSERT_TRUE(bench.client->write(as_bytes(kRequest)));
  bench.run();
  EXPECT_EQ(as_text(bench.server_got), kRequest);
  EXPECT_TRUE(bench.records.empty());
}

TEST(Connection, BlocksWithAnAlert) {
  Bench bench;
  bench.surroundings.disposition = Disposition::block;
  bench.run();
  EXPECT_TRUE(bench.has(Report::Kind::blocked));
  EXPECT_TRUE(bench.has<HalfClose>());
  ASSERT_FALSE(bench.client_result);
}

TEST(Connection, WhatIsNotTlsIsDecidedWithoutAName) {
  Bench bench;
  bench.surroundings.disposition = Disposition::tunnel;
  bench.give(Side::client, as_bytes("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(bench.connection.phase(), Phase::tunnelling);
  EXPECT_FALSE(bench.surroundings.asked);
  EXPECT_EQ(as_text(bench.connection.take_output(Side::upstream)), "GET / HTTP/1.1\r\n\r\n");
}

TEST(Connection, AnUnreachableUpstreamIsAResetToTheClient) {
  Bench bench;
  bench.answers_open = false;
  bench.run();
  bench.connection.on_upstream_open(
      Error{make_error_code(boost::system::errc::connection_refused), "connect"}, kNow);
  bench.collect();
  EXPECT_TRUE(bench.has(Report::Kind::upstream_unreachable));
  EXPECT_TRUE(bench.has<Abort>());
}

TEST(Connection, AFailingMintTellsTheClient) {
  Bench bench;
  bench.surroundings.leaf_fails = true;
  bench.run();
  EXPECT_TRUE(bench.has(Report::Kind::leaf_failed));
  ASSERT_FALSE(bench.client_result);
}

TEST(Connection, ACutStreamStaysCutAndIsCountedAsPartial) {
  Bench bench;
  bench.run();
  ASSERT_TRUE(bench.client->write(as_bytes(kRequest)));
  bench.run();
  ASSERT_TRUE(bench.server->write(as_bytes(kAnswer.substr(0, kAnswer.size() - 40))));
  bench.run();
  bench.connection.on_reset(Side::upstream, kNow);
  bench.collect();
  EXPECT_TRUE(bench.has<Abort>());
  EXPECT_FALSE(bench.client->has_peer_closed());
  ASSERT_EQ(bench.records.size(), 1U);
  EXPECT_NE(bench.records[0].outcome, usage::Outcome::ok);
}

TEST(Connection, FinWithoutCloseNotifyIsPassedOnAsSuch) {
  Bench bench;
  bench.run();
  bench.connection.on_eof(Side::upstream, kNow);
  bench.run();
  EXPECT_TRUE(bench.has<HalfClose>());
  EXPECT_FALSE(bench.client->has_peer_closed());
  EXPECT_EQ(bench.connection.phase(), Phase::relaying);  // the other direction goes on
  ASSERT_TRUE(bench.client->write(as_bytes(kRequest)));
  bench.run();
  EXPECT_EQ(as_text(bench.server_got), kRequest);
  bench.connection.on_eof(Side::client, kNow);
  EXPECT_EQ(bench.connection.phase(), Phase::closed);
}

TEST(Connection, CloseNotifyIsPassedOnBeforeTheFin) {
  Bench bench;
  bench.run();
  bench.server->close();
  bench.run();
  EXPECT_TRUE(bench.client->has_peer_closed());
  EXPECT_FALSE(bench.has<HalfClose>());
}

TEST(Connection, ATimeoutDuringTheUpstreamHandshakeTellsTheClient) {
  Bench bench;
  bench.client_result = bench.client->handshake();
  bench.give(Side::client, bench.client->take_output());
  ASSERT_EQ(bench.connection.phase(), Phase::upstream_handshake);
  bench.connection.on_timeout(kNow);
  bench.collect();
  EXPECT_TRUE(bench.has(Report::Kind::upstream_unreachable));
  const Buffer alert = bench.connection.take_output(Side::client);
  ASSERT_GE(alert.size(), 7U);
  EXPECT_EQ(alert[0], 21);
}

TEST(Connection, EveryTruncationOfTheClientsFirstOctetsIsHarmless) {
  Bench source;
  ASSERT_TRUE(source.client->handshake());
  const Buffer hello = source.client->take_output();
  for (std::size_t cut = 0; cut < hello.size(); ++cut) {
    Bench bench;
    bench.give(Side::client, Bytes(hello).first(cut));
    EXPECT_EQ(bench.connection.phase(), Phase::hello) << cut;
    bench.connection.on_eof(Side::client, kNow);
    EXPECT_EQ(bench.connection.phase(), Phase::closed) << cut;
  }
}

}  // namespace
}  // namespace agp::relay
