#include "tests/daemon/relay/support.h"

#include <gtest/gtest.h>

namespace agp::relay {
namespace {

using testing::make_certificate;

// Connections in turn with one upstream server and one set of surroundings, as a worker has them.
struct Worker {
  tls::SessionCache sessions;
  std::shared_ptr<SSL_CTX> upstream = testing::upstream_context(authority("theirs"));
  std::shared_ptr<SSL_CTX> their_context =
      testing::server_context(make_certificate({.name = kHost}, &authority("theirs")));

  Worker() {
    static constexpr unsigned char kId[] = "test";
    SSL_CTX_set_session_id_context(their_context.get(), kId, sizeof kId);
  }

  // @return what upstream saw: whether it was a resumption.
  bool connect(usage::Micros at, std::vector<std::string> offers = {"http/1.1"}) {
    Bench bench(std::move(offers));
    bench.surroundings.upstream = upstream;
    bench.surroundings.resumes = true;
    std::swap(bench.surroundings.sessions, sessions);
    bench.server_side = their_context;
    bench.server = std::move(*tls::Engine::server(their_context.get(), "http/1.1"));
    bench.now = at;
    bench.run();
    EXPECT_EQ(bench.connection.phase(), Phase::relaying);
    (void)bench.client->write(as_bytes(kRequest));
    bench.run();
    EXPECT_EQ(as_text(bench.server_got), kRequest);
    EXPECT_FALSE(bench.server->has_early_data());
    std::swap(bench.surroundings.sessions, sessions);
    return bench.server->was_resumed();
  }
};

usage::Micros real_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

TEST(Resumption, UpstreamIsResumedInBothVersions) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Worker worker;
    SSL_CTX_set_max_proto_version(worker.their_context.get(), version);
    const auto now = real_now();
    EXPECT_FALSE(worker.connect(now));
    EXPECT_TRUE(worker.connect(now));
    EXPECT_TRUE(worker.connect(now));  // what was resumed can be resumed again
  }
}

TEST(Resumption, OtherOffersAreAFullHandshake) {
  Worker worker;
  const auto now = real_now();
  EXPECT_FALSE(worker.connect(now, {"http/1.1"}));
  EXPECT_FALSE(worker.connect(now, {"h2", "http/1.1"}));
  EXPECT_TRUE(worker.connect(now, {"http/1.1"}));
}

TEST(Resumption, AResumedVerificationEndsWithTheFirstOneHoweverOftenItIsResumed) {
  Worker worker;
  const auto start = real_now();
  EXPECT_FALSE(worker.connect(start));
  EXPECT_TRUE(worker.connect(start + std::chrono::minutes(30)));
  EXPECT_TRUE(worker.connect(start + std::chrono::minutes(59)));
  EXPECT_FALSE(worker.connect(start + std::chrono::minutes(60)));
  EXPECT_TRUE(worker.connect(start + std::chrono::minutes(61)));
}

TEST(Resumption, NoSessionOutlivesTheCertificate) {
  Worker worker;
  worker.their_context = testing::server_context(
      make_certificate({.name = kHost, .not_after = 600}, &authority("theirs")));
  const auto start = real_now();
  EXPECT_FALSE(worker.connect(start));
  EXPECT_TRUE(worker.connect(start + std::chrono::minutes(9)));
  // Past notAfter nothing is resumed; our clock here is a fake, so OpenSSL still accepts the chain.
  EXPECT_FALSE(worker.connect(start + std::chrono::minutes(11)));
}

TEST(Resumption, AFailedHandshakeForgetsTheSession) {
  Worker worker;
  const auto now = real_now();
  EXPECT_FALSE(worker.connect(now));
  ASSERT_EQ(worker.sessions.size(), 1U);
  Bench bench({"http/1.1"});
  bench.surroundings.upstream = worker.upstream;
  bench.surroundings.resumes = true;
  std::swap(bench.surroundings.sessions, worker.sessions);
  bench.now = now;
  // Another server under the same name, with a certificate that does not verify.
  bench.server_side = testing::server_context(make_certificate({.name = kHost}));
  bench.server = std::move(*tls::Engine::server(bench.server_side.get(), "http/1.1"));
  bench.run();
  EXPECT_TRUE(bench.has(Report::Kind::upstream_refused));
  EXPECT_TRUE(bench.server_got.empty());
  EXPECT_EQ(bench.surroundings.sessions.size(), 0U);
}

TEST(Resumption, NoEarlyDataEvenWhereUpstreamAllowsIt) {
  Worker worker;
  SSL_CTX_set_max_early_data(worker.their_context.get(), 16'384);
  const auto now = real_now();
  EXPECT_FALSE(worker.connect(now));
  (void)worker.connect(now);  // connect() looks at what the server got
}

}  // namespace
}  // namespace agp::relay
