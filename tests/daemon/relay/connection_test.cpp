#include "daemon/relay/connection.h"

#include "tests/daemon/relay/support.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

namespace agp::relay {
namespace {

using testing::make_certificate;

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

// Lets a server note the ALPN extension: every octet, in order. It answers without ALPN.
void note_offers(SSL_CTX* context, std::string* into) {
  SSL_CTX_set_alpn_select_cb(
      context,
      [](SSL*, const unsigned char**, unsigned char*, const unsigned char* offers, unsigned size,
         void* seen) {
        static_cast<std::string*>(seen)->assign(reinterpret_cast<const char*>(offers), size);
        return SSL_TLSEXT_ERR_NOACK;
      },
      into);
}

TEST(Connection, OffersUpstreamTheClientsOwnListToTheOctet) {
  const std::string grease = "\x3a\x3a";
  Bench bench({grease, "http/1.1", "h2", "x-unknown"});
  std::string seen;
  note_offers(bench.server_side.get(), &seen);
  bench.run();
  ASSERT_EQ(bench.connection.phase(), Phase::relaying);
  EXPECT_EQ(seen, std::string("\x02") + grease + "\x08http/1.1\x02h2\x09x-unknown");
  EXPECT_EQ(bench.client->alpn(), "");  // upstream chose none, and so the client gets none
}

TEST(Connection, AClientWithoutAListMeansNoOfferUpstream) {
  Bench bench(std::vector<std::string>{});
  std::string seen = "never called";
  note_offers(bench.server_side.get(), &seen);
  bench.run();
  ASSERT_EQ(bench.connection.phase(), Phase::relaying);
  EXPECT_EQ(seen, "never called");
}

TEST(Connection, GivesTheClientWhatUpstreamChose) {
  for (const std::string choice : {"h2", "http/1.1", "x-unknown", "\x3a\x3a"}) {
    Bench bench({"\x3a\x3a", "h2", "http/1.1", "x-unknown"}, {.name = kHost}, choice);
    bench.run();
    ASSERT_EQ(bench.connection.phase(), Phase::relaying) << choice;
    EXPECT_EQ(bench.client->alpn(), choice);
    EXPECT_EQ(bench.server->alpn(), choice);
  }
}

TEST(Connection, AClientThatOffersWhatUpstreamRefusesIsTold) {
  Bench bench(std::vector<std::string>{"h2"});
  bench.run();
  EXPECT_TRUE(bench.has(Report::Kind::no_common_protocol));
  ASSERT_FALSE(bench.client_result);
  EXPECT_EQ(bench.client_result.error().code, tls::EngineErrc::no_application_protocol);
  EXPECT_EQ(bench.client->peer_alert(), SSL_AD_NO_APPLICATION_PROTOCOL);
  EXPECT_TRUE(bench.surroundings.minted.empty());
}

TEST(Connection, AHelloRetryRequestOnEitherLegKeepsTheProtocol) {
  for (const bool on_client_leg : {true, false}) {
    Bench bench({"h2", "http/1.1"}, {.name = kHost}, "h2");
    // A group for which the dialling end sends no key share at first.
    if (on_client_leg) {
      bench.surroundings.leaf_groups = "P-384";
    } else {
      SSL_CTX_set1_groups_list(bench.server_side.get(), "P-384");
    }
    bench.run();
    ASSERT_EQ(bench.connection.phase(), Phase::relaying) << on_client_leg;
    EXPECT_EQ(bench.client->alpn(), "h2");
    EXPECT_EQ(bench.server->alpn(), "h2");
  }
}

TEST(Connection, AnUnknownProtocolIsRelayedRawAndReportedOnce) {
  Bench bench({"x-unknown"}, {.name = kHost}, "x-unknown");
  bench.run();
  ASSERT_EQ(bench.connection.phase(), Phase::relaying);
  const std::string noise("\0\1\2 not HTTP\r\n\r\n", 17);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(bench.client->write(as_bytes(noise)));
    bench.run();
    ASSERT_TRUE(bench.server->write(as_bytes(noise)));
    bench.run();
  }
  EXPECT_EQ(as_text(bench.server_got), noise + noise + noise);
  EXPECT_EQ(as_text(bench.client_got), noise + noise + noise);
  EXPECT_EQ(std::count_if(bench.commands.begin(), bench.commands.end(),
                          [](const Command& command) {
                            const auto* report = std::get_if<Report>(&command);
                            return report && report->kind == Report::Kind::unparsed;
                          }),
            1);
}

// threat-model 52
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
  EXPECT_EQ(bench.surroundings.refused_by_client, std::vector<std::string>{kHost});
}

TEST(Connection, AClientThatBreaksItsHandshakeRefusedNoCertificate) {
  Bench bench;
  ASSERT_TRUE(bench.client->handshake());
  bench.give(Side::client, bench.client->take_output());
  for (int flights = 0; flights < 4 && bench.connection.phase() != Phase::client_handshake;
       ++flights) {
    (void)bench.server->feed(bench.connection.take_output(Side::upstream), bench.server_got);
    bench.give(Side::upstream, bench.server->take_output());
  }
  ASSERT_EQ(bench.connection.phase(), Phase::client_handshake);
  const Buffer record_with_a_wrong_tag(5 + 32, 0x17);
  Buffer broken = record_with_a_wrong_tag;
  broken[1] = broken[2] = 3;
  broken[3] = 0;
  broken[4] = 32;
  bench.give(Side::client, broken);
  EXPECT_TRUE(bench.has(Report::Kind::client_failed));
  EXPECT_FALSE(bench.has(Report::Kind::client_refused));
  EXPECT_TRUE(bench.surroundings.refused_by_client.empty());
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

// threat-model 54
TEST(Connection, WhatIsNotTlsIsDecidedWithoutAName) {
  Bench bench;
  bench.surroundings.disposition = Disposition::tunnel;
  bench.give(Side::client, as_bytes("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(bench.connection.phase(), Phase::tunnelling);
  EXPECT_FALSE(bench.surroundings.asked);
  EXPECT_EQ(as_text(bench.connection.take_output(Side::upstream)), "GET / HTTP/1.1\r\n\r\n");
}

// The first octets of a client that sends exactly this ClientHello.
Buffer hello_of(SSL_CTX* context, const std::string& name) {
  auto made = tls::Engine::client(context, "placeholder.example", {"h2"});
  EXPECT_TRUE(made->handshake());
  Buffer wire = made->take_output();
  // The name is put in by hand: the engine would refuse what some clients send.
  const std::string placeholder = "placeholder.example";
  auto at = std::search(wire.begin(), wire.end(), placeholder.begin(), placeholder.end());
  EXPECT_NE(at, wire.end());
  const auto grown =
      static_cast<std::ptrdiff_t>(name.size()) - static_cast<std::ptrdiff_t>(placeholder.size());
  const auto offset = static_cast<std::size_t>(at - wire.begin());
  wire.erase(at, at + static_cast<std::ptrdiff_t>(placeholder.size()));
  wire.insert(wire.begin() + static_cast<std::ptrdiff_t>(offset), name.begin(), name.end());
  const auto grow = [&](std::size_t where) {
    const auto value = (wire[where] << 8) + wire[where + 1] + static_cast<int>(grown);
    wire[where] = static_cast<std::uint8_t>(value >> 8);
    wire[where + 1] = static_cast<std::uint8_t>(value);
  };
  grow(offset - 2);  // the name
  grow(offset - 5);  // the list
  grow(offset - 7);  // the extension
  grow(3);           // the record
  grow(7);           // the message, lower two octets of three
  // The extensions' own length follows the fixed part: 5 + 4 + 2 + 32, session, suites,
  // compression.
  std::size_t cursor = 5 + 4 + 2 + 32;
  cursor += 1U + wire[cursor];
  cursor += 2U + (static_cast<std::size_t>(wire[cursor]) << 8U) + wire[cursor + 1];
  cursor += 1U + wire[cursor];
  grow(cursor);
  return wire;
}

// threat-model 54
TEST(Connection, EveryShapeOfServerNameHasItsOutcome) {
  struct Case {
    std::string sent;
    Hello::Why why;
    std::optional<std::string> host;
  };
  const std::string label(63, 'a');
  const Case cases[] = {
      {"Daily-CloudCode-PA.GoogleAPIs.com", Hello::Why::named, kHost},
      {std::string(kHost) + ".", Hello::Why::named, kHost},
      {"xn--bcher-kva.example", Hello::Why::named, "xn--bcher-kva.example"},
      {"192.0.2.1", Hello::Why::ip_literal, std::nullopt},
      {"2001:db8::1", Hello::Why::ip_literal, std::nullopt},
      {label + "." + label + "." + label + "." + label + "." + label.substr(0, 44),
       Hello::Why::malformed, std::nullopt},
      {std::string("a\0b.example", 11), Hello::Why::malformed, std::nullopt},
      {"b\xc3\xbc"
       "cher.example",
       Hello::Why::malformed, std::nullopt},
      {"a..example", Hello::Why::malformed, std::nullopt},
      {"*.example", Hello::Why::malformed, std::nullopt},
  };
  for (const auto& each : cases) {
    Bench bench;
    bench.surroundings.disposition = Disposition::tunnel;
    bench.answers_open = false;
    const Buffer wire = hello_of(bench.client_side.get(), each.sent);
    bench.give(Side::client, wire);
    EXPECT_EQ(bench.surroundings.why, each.why) << each.sent;
    EXPECT_EQ(bench.surroundings.asked, each.host) << each.sent;
    EXPECT_TRUE(bench.has<OpenUpstream>()) << each.sent;
    EXPECT_EQ(bench.has(Report::Kind::unnamed), each.why != Hello::Why::named) << each.sent;
    // A tunnel carries on with the very octets that the client sent.
    bench.connection.on_upstream_open({}, kNow);
    EXPECT_EQ(bench.connection.take_output(Side::upstream), wire) << each.sent;
  }
}

// threat-model 54
TEST(Connection, AHelloWithoutANameIsDecidedAsSuch) {
  Bench bench;
  bench.surroundings.disposition = Disposition::tunnel;
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(bench.client_side.get()), SSL_free);
  BIO* wire = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), wire);
  SSL_set_connect_state(ssl.get());
  (void)SSL_do_handshake(ssl.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(wire, &data);
  bench.give(Side::client, as_bytes({data, static_cast<std::size_t>(size)}));
  EXPECT_EQ(bench.surroundings.why, Hello::Why::no_sni);
  EXPECT_EQ(bench.connection.phase(), Phase::tunnelling);
}

TEST(Connection, SaysWhereTheClientWasGoing) {
  Bench bench;
  tls::Scratch scratch;
  bench.surroundings.disposition = Disposition::tunnel;
  Connection connection({}, &bench.surroundings, &scratch, {.destination = "192.0.2.1:443"});
  connection.on_bytes(Side::client, as_bytes("GET / HTTP/1.1\r\n\r\n"), kNow);
  EXPECT_EQ(bench.surroundings.destination, "192.0.2.1:443");
  EXPECT_EQ(bench.surroundings.why, Hello::Why::not_tls);
}

// threat-model 58
TEST(Connection, AClientThatTalksTooMuchBeforeUpstreamIsThereIsCutOff) {
  Bench bench;
  bench.answers_open = false;
  bench.run();
  ASSERT_EQ(bench.connection.phase(), Phase::opening);
  EXPECT_FALSE(bench.connection.wants_read(Side::client));
  const Buffer noise(16U << 10U);
  for (int round = 0; round < 16 && bench.connection.phase() != Phase::closed; ++round) {
    bench.give(Side::client, noise);
  }
  EXPECT_EQ(bench.connection.phase(), Phase::closed);
  EXPECT_TRUE(bench.has<Abort>());
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

// The driver writes between on_bytes and observe, and a write is where it hears of a reset.
TEST(Connection, AResetBeforeObserveLosesNothingOfWhatHadCome) {
  for (const bool is_whole : {true, false}) {
    Bench bench;
    bench.run();
    ASSERT_TRUE(bench.client->write(as_bytes(kRequest)));
    bench.run();
    ASSERT_TRUE(
        bench.server->write(as_bytes(is_whole ? kAnswer : kAnswer.substr(0, kAnswer.size() - 40))));
    bench.connection.on_bytes(Side::upstream, bench.server->take_output(), kNow);
    EXPECT_FALSE(bench.connection.take_output(Side::client).empty());
    bench.connection.on_reset(Side::client, kNow);
    bench.collect();
    EXPECT_TRUE(bench.has<Abort>());
    EXPECT_EQ(bench.connection.phase(), Phase::closed);
    bench.connection.observe(kNow);  // the driver's own, which comes all the same
    bench.collect();
    ASSERT_EQ(bench.records.size(), 1U) << is_whole;
    EXPECT_EQ(bench.records[0].outcome == usage::Outcome::ok, is_whole);
    EXPECT_EQ(bench.records[0].usage.has_value(), is_whole);
    EXPECT_EQ(bench.scratch.plaintext.bytes().size(), 0U);
  }
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

std::string request_for(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: " + kHost + "\r\n\r\n";
}
constexpr const char* kShortAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

TEST(Connection, TheRewritingRelayStandsBetweenTheLegs) {
  for (const std::size_t step : {1UL, 50UL, 1UL << 20U}) {
    Bench bench;
    bench.step = step;
    bench.surroundings.rewrite = true;
    bench.run();
    ASSERT_EQ(bench.connection.phase(), Phase::relaying);
    ASSERT_TRUE(bench.client->write(as_bytes(request_for("/"))));
    bench.run();
    EXPECT_NE(as_text(bench.server_got).find("X-Rewritten: yes"), std::string_view::npos);
    ASSERT_TRUE(bench.server->write(as_bytes(kShortAnswer)));
    bench.run();
    EXPECT_EQ(as_text(bench.client_got), kShortAnswer);
    EXPECT_EQ(bench.connection.phase(), Phase::relaying);
  }
}

TEST(Connection, ABlockedRequestIsAnsweredHereAndTheConnectionGoesOn) {
  Bench bench;
  bench.surroundings.rewrite = true;
  bench.run();
  ASSERT_TRUE(bench.client->write(as_bytes(request_for("/blocked"))));
  bench.run();
  EXPECT_EQ(as_text(bench.client_got).substr(0, 12), "HTTP/1.1 403");
  EXPECT_TRUE(bench.server_got.empty());
  ASSERT_TRUE(bench.has(Report::Kind::request_blocked));
  EXPECT_EQ(bench.connection.phase(), Phase::relaying);
  EXPECT_TRUE(bench.connection.is_idle());
  ASSERT_TRUE(bench.client->write(as_bytes(request_for("/"))));
  bench.run();
  EXPECT_NE(as_text(bench.server_got).find("GET / HTTP/1.1"), std::string_view::npos);
}

// threat-model 61
TEST(Connection, AnAmbiguousRequestIsRefusedAndBothLegsClose) {
  Bench bench;
  bench.surroundings.rewrite = true;
  bench.run();
  ASSERT_TRUE(bench.client->write(
      as_bytes("POST / HTTP/1.1\r\nHost: " + std::string(kHost) +
               "\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")));
  bench.run();
  EXPECT_EQ(as_text(bench.client_got).substr(0, 12), "HTTP/1.1 400");
  EXPECT_TRUE(bench.client->has_peer_closed());
  EXPECT_TRUE(bench.server->has_peer_closed());
  EXPECT_TRUE(bench.server_got.empty());
  EXPECT_TRUE(bench.has(Report::Kind::request_refused));
  EXPECT_TRUE(bench.has<HalfClose>());
  EXPECT_EQ(bench.connection.phase(), Phase::closed);
}

TEST(Connection, TheReaderSeesWhatUpstreamSees) {
  Bench bench;
  bench.surroundings.rewrite = true;
  bench.run();
  ASSERT_TRUE(bench.client->write(as_bytes(kRequest)));
  bench.run();
  ASSERT_TRUE(bench.server->write(as_bytes(kAnswer)));
  bench.run();
  EXPECT_EQ(as_text(bench.client_got), kAnswer);
  ASSERT_EQ(bench.records.size(), 1U);
  EXPECT_EQ(bench.records[0].bytes_out, bench.server_got.size());
}

TEST(Connection, WhatUpstreamCutsOffDoesNotLookWhole) {
  Bench bench;
  bench.surroundings.rewrite = true;
  bench.run();
  ASSERT_TRUE(bench.client->write(as_bytes(request_for("/"))));
  bench.run();
  ASSERT_TRUE(bench.server->write(as_bytes("HTTP/1.1 200 OK\r\n\r\nuntil the end")));
  bench.run();
  bench.connection.on_eof(Side::upstream, kNow);  // without close_notify
  bench.run();
  EXPECT_NE(as_text(bench.client_got).find("until the end"), std::string_view::npos);
  EXPECT_FALSE(bench.client->has_peer_closed());
  EXPECT_TRUE(bench.has<HalfClose>());
}

TEST(Connection, DrainSaysGoodbyeThroughTheRewritingRelay) {
  Bench bench({"h2"}, {.name = kHost}, "h2");
  bench.surroundings.rewrite = true;
  bench.run();
  ASSERT_EQ(bench.connection.phase(), Phase::relaying);
  bench.connection.end_idle(kNow);
  bench.run();
  EXPECT_TRUE(bench.client->has_peer_closed());
  EXPECT_EQ(bench.connection.phase(), Phase::closed);
}

TEST(Connection, RulesAreAppliedToHttpAloneSoNothingElseIsOffered) {
  Bench bench({"agp-echo/1", "http/1.1"});
  bench.surroundings.rewrite = true;
  bench.run();
  EXPECT_EQ(bench.client->alpn(), "http/1.1");
  Bench other({"agp-echo/1"}, {.name = kHost}, "agp-echo/1");
  other.surroundings.rewrite = true;
  other.run();
  EXPECT_TRUE(other.has(Report::Kind::no_common_protocol));
  EXPECT_EQ(other.connection.phase(), Phase::closed);
}

TEST(Connection, WithoutTheRelayThatPolicyAsksForNothingIsRelayed) {
  Bench bench;
  bench.surroundings.rewrite = true;
  bench.surroundings.rewriting_fails = true;
  bench.run();
  EXPECT_TRUE(bench.has(Report::Kind::stream_broken));
  EXPECT_TRUE(bench.has<Abort>());
  EXPECT_EQ(bench.connection.phase(), Phase::closed);
}

// A client that speaks cleartext to us.
struct CleartextBench : Bench {
  explicit CleartextBench(const std::string& choice,
                          const testing::CertificateSpec& leaf = {.name = kHost})
      : Bench({"h2", "http/1.1"}, leaf, choice, {.cleartext_host = kHost}) {}

  void say(std::string_view text) {
    give(Side::client, as_bytes(text));
    pump();
  }
  void pump() {
    for (bool moved = true; moved;) {
      moved = false;
      if (Buffer up = connection.take_output(Side::upstream); !up.empty()) {
        moved = true;
        (void)server->feed(up, server_got);
      }
      if (Buffer down = server->take_output(); !down.empty()) {
        moved = true;
        give(Side::upstream, down);
      }
      append(client_got, connection.take_output(Side::client));
    }
    collect();
  }
};

TEST(CleartextConnection, CarriesHttp1AndCountsTheCall) {
  for (const std::size_t step : {1UL, 3UL, 1UL << 20U}) {
    CleartextBench bench("http/1.1");
    bench.step = step;
    bench.say(
        "POST /v1internal:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n"
        "Content-Length: 2\r\n\r\n{}");
    ASSERT_EQ(bench.connection.phase(), Phase::relaying);
    EXPECT_EQ(bench.server->alpn(), "http/1.1");
    // Upstream gets its own name, whatever the client calls us.
    EXPECT_NE(as_text(bench.server_got).find(std::string("Host: ") + kHost + "\r\n"),
              std::string_view::npos);
    EXPECT_EQ(as_text(bench.server_got).find("127.0.0.1"), std::string_view::npos);
    ASSERT_TRUE(bench.server->write(as_bytes(kAnswer)));
    bench.pump();
    EXPECT_EQ(as_text(bench.client_got), kAnswer);
    ASSERT_EQ(bench.records.size(), 1U);
    EXPECT_TRUE(bench.surroundings.minted.empty());
  }
}

TEST(CleartextConnection, PriorKnowledgeOffersHttp2Alone) {
  CleartextBench bench("h2");
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (std::size_t at = 0; at + 1 < preface.size(); ++at) {
    bench.say(preface.substr(at, 1));
    EXPECT_EQ(bench.connection.phase(), Phase::hello);
  }
  bench.say(preface.substr(preface.size() - 1));
  ASSERT_EQ(bench.connection.phase(), Phase::relaying);
  EXPECT_EQ(bench.server->alpn(), "h2");
  EXPECT_EQ(as_text(bench.server_got).substr(0, preface.size()), preface);
}

TEST(CleartextConnection, AnUpstreamThatDoesNotVerifyIsABadGateway) {
  CleartextBench bench("http/1.1", {.name = "other.example"});
  bench.say(kRequest);
  EXPECT_TRUE(bench.has(Report::Kind::upstream_refused));
  EXPECT_TRUE(bench.server_got.empty());
  EXPECT_EQ(as_text(bench.client_got).substr(0, 12), "HTTP/1.1 502");
}

TEST(CleartextConnection, AnUpstreamWithoutHttp2IsAGoaway) {
  CleartextBench bench("http/1.1");
  bench.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_TRUE(bench.has(Report::Kind::no_common_protocol));
  ASSERT_EQ(bench.client_got.size(), 9U + 9U + 8U);
  EXPECT_EQ(bench.client_got[3], 4);      // SETTINGS
  EXPECT_EQ(bench.client_got[9 + 3], 7);  // GOAWAY
  EXPECT_EQ(bench.client_got.back(), 2);  // INTERNAL_ERROR
}

TEST(CleartextConnection, ATruncationByUpstreamIsAResetToTheClient) {
  CleartextBench bench("http/1.1");
  bench.say(kRequest);
  ASSERT_TRUE(bench.server->write(as_bytes("HTTP/1.1 200 OK\r\n\r\nuntil the end")));
  bench.pump();
  bench.connection.on_eof(Side::upstream, kNow);
  bench.pump();
  EXPECT_TRUE(bench.has<Abort>());
}

TEST(CleartextConnection, CloseNotifyIsAFinToTheClientAndItsFinACloseNotify) {
  CleartextBench bench("http/1.1");
  bench.say(kRequest);
  ASSERT_TRUE(bench.server->write(as_bytes("HTTP/1.1 200 OK\r\n\r\nuntil the end")));
  bench.server->close();
  bench.pump();
  EXPECT_TRUE(bench.has<HalfClose>());
  EXPECT_FALSE(bench.has<Abort>());
  EXPECT_TRUE(bench.server->has_peer_closed());
}

// threat-model 58
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
