#include "daemon/tls/engine.h"

#include "tests/support/certificates.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace agp::tls {
namespace {

using testing::make_certificate;

constexpr const char* kHost = "daily-cloudcode-pa.googleapis.com";

struct Pair {
  testing::TestKeyPair authority =
      make_certificate({.name = "test authority", .is_authority = true});
  std::shared_ptr<SSL_CTX> client_side = testing::client_context(authority);
  std::shared_ptr<SSL_CTX> server_side;
  std::optional<Engine> client;
  std::optional<Engine> server;
  Buffer client_got;
  Buffer server_got;

  explicit Pair(const testing::CertificateSpec& leaf = {.name = kHost},
                const std::vector<std::string>& offers = {"http/1.1"},
                const std::string& choice = "http/1.1") {
    server_side = testing::server_context(make_certificate(leaf, &authority));
    client = std::move(*Engine::client(client_side.get(), kHost, offers));
    server = std::move(*Engine::server(server_side.get(), choice));
  }

  // Carries what both have to say, `step` octets at a time, until neither has more.
  Result<> exchange(std::size_t step = 1 << 20) {
    if (!client->is_ready()) {
      if (auto started = client->handshake(); !started) {
        return started;
      }
    }
    for (;;) {
      Buffer up = client->take_output();
      Buffer down = server->take_output();
      if (up.empty() && down.empty()) {
        return {};
      }
      for (std::size_t at = 0; at < up.size(); at += step) {
        if (auto fed =
                server->feed(Bytes(up).subspan(at, std::min(step, up.size() - at)), server_got);
            !fed) {
          return fed;
        }
      }
      for (std::size_t at = 0; at < down.size(); at += step) {
        if (auto fed =
                client->feed(Bytes(down).subspan(at, std::min(step, down.size() - at)), client_got);
            !fed) {
          return fed;
        }
      }
    }
  }
};

TEST(TlsEngine, HandshakesAndAgreesOnTheProtocol) {
  Pair pair;
  ASSERT_TRUE(pair.exchange());
  EXPECT_TRUE(pair.client->is_ready());
  EXPECT_TRUE(pair.server->is_ready());
  EXPECT_EQ(pair.client->alpn(), "http/1.1");
  EXPECT_EQ(pair.client->version(), "TLSv1.3");
}

TEST(TlsEngine, AnySplitOfTheCiphertextIsEquivalent) {
  for (const std::size_t step : {1UL, 2UL, 3UL, 5UL, 16UL, 17UL, 1000UL}) {
    Pair pair;
    ASSERT_TRUE(pair.exchange(step)) << step;
    const std::string text(40'000, 'x');
    ASSERT_TRUE(pair.client->write(as_bytes(text)));
    ASSERT_TRUE(pair.exchange(step)) << step;
    EXPECT_EQ(as_text(pair.server_got), text) << step;
  }
}

TEST(TlsEngine, WorksWithoutAlpn) {
  Pair pair({.name = kHost}, {}, "");
  ASSERT_TRUE(pair.exchange());
  EXPECT_EQ(pair.client->alpn(), "");
}

TEST(TlsEngine, TellsAClientThatOffersSomethingElse) {
  Pair pair({.name = kHost}, {"h2"}, "http/1.1");
  const auto done = pair.exchange();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, EngineErrc::no_application_protocol);
  Buffer nothing;
  const auto told = pair.client->feed(pair.server->take_output(), nothing);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, EngineErrc::no_application_protocol);
  EXPECT_EQ(pair.client->peer_alert(), SSL_AD_NO_APPLICATION_PROTOCOL);
}

TEST(TlsEngine, RefusesACertificateForAnotherName) {
  Pair pair({.name = "other.example"});
  const auto done = pair.exchange();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, EngineErrc::certificate_refused);
}

TEST(TlsEngine, RefusesAnExpiredCertificate) {
  Pair pair({.name = kHost, .not_before = -7200, .not_after = -3600});
  const auto done = pair.exchange();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, EngineErrc::certificate_refused);
  EXPECT_NE(done.error().context.find("expired"), std::string::npos) << done.error().context;
}

TEST(TlsEngine, RefusesAnUntrustedIssuer) {
  Pair pair;
  const auto stranger = make_certificate({.name = "stranger", .is_authority = true});
  const auto context = testing::client_context(stranger);
  pair.client = std::move(*Engine::client(context.get(), kHost, {}));
  const auto done = pair.exchange();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, EngineErrc::certificate_refused);
}

TEST(TlsEngine, ShowsThatTheClientRefusedOurCertificate) {
  Pair pair({.name = "other.example"});
  (void)pair.exchange();
  Buffer nothing;
  const auto told = pair.server->feed(pair.client->take_output(), nothing);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, EngineErrc::peer_alert);
}

TEST(TlsEngine, PassesCloseNotifyOnAndGoesOnReading) {
  Pair pair;
  ASSERT_TRUE(pair.exchange());
  pair.client->close();
  ASSERT_TRUE(pair.exchange());
  EXPECT_TRUE(pair.server->has_peer_closed());
  EXPECT_FALSE(pair.client->has_peer_closed());
  ASSERT_TRUE(pair.server->write(as_bytes("still here")));
  ASSERT_TRUE(pair.exchange());
  EXPECT_EQ(as_text(pair.client_got), "still here");
}

TEST(TlsEngine, GarbageIsAnErrorAndNotACrash) {
  Pair pair;
  Buffer nothing;
  const auto fed = pair.server->feed(as_bytes("GET / HTTP/1.1\r\n\r\n"), nothing);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, EngineErrc::handshake_failed);
}

TEST(TlsEngine, AChangedRecordIsAProtocolError) {
  Pair pair;
  ASSERT_TRUE(pair.exchange());
  ASSERT_TRUE(pair.client->write(as_bytes("hello")));
  Buffer wire = pair.client->take_output();
  wire.back() ^= 1U;
  const auto fed = pair.server->feed(wire, pair.server_got);
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, EngineErrc::protocol_error);
  EXPECT_TRUE(pair.server_got.empty());
}

TEST(UpstreamContext, NamesAnExtraFileThatCannotBeLoaded) {
  const auto made = upstream_context("/nonexistent/ca.pem");
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().context.find("/nonexistent/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace agp::tls
