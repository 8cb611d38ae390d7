#include "tests/daemon/relay/support.h"

#include <gtest/gtest.h>

namespace agp::relay {
namespace {

using testing::CertificateSpec;
using testing::make_certificate;
using testing::TestKeyPair;

const Report* refusal(const Bench& bench) {
  for (const auto& command : bench.commands) {
    const auto* report = std::get_if<Report>(&command);
    if (report != nullptr && report->kind == Report::Kind::upstream_refused) {
      return report;
    }
  }
  return nullptr;
}

// The product's own upstream context, which trusts `authority("theirs")`.
struct MatrixBench : Bench {
  MatrixBench() : Bench({"h2", "http/1.1"}) {
    static const auto trusting = testing::upstream_context(authority("theirs"));
    surroundings.upstream = trusting;
    surroundings.resumes = true;
  }
  void serve(std::shared_ptr<SSL_CTX> context) {
    server_side = std::move(context);
    server = std::move(*tls::Engine::server(server_side.get(), "http/1.1"));
  }
};

void expect_refused(MatrixBench& bench, const std::string& reason, const std::string& what) {
  int opened = 0;
  bench.run();
  for (const auto& command : bench.commands) {
    opened += std::holds_alternative<OpenUpstream>(command) ? 1 : 0;
  }
  EXPECT_EQ(opened, 1) << what << ": never tried again";
  const auto* report = refusal(bench);
  ASSERT_NE(report, nullptr) << what;
  EXPECT_NE(report->detail.find(reason), std::string::npos) << what << ": " << report->detail;
  EXPECT_EQ(bench.connection.phase(), Phase::closed) << what;
  EXPECT_TRUE(bench.server_got.empty()) << what;
  EXPECT_TRUE(bench.surroundings.minted.empty()) << what;
  EXPECT_FALSE(bench.client_result) << what << ": the client hears of it";
  EXPECT_TRUE(bench.client->peer_alert()) << what;
  EXPECT_EQ(bench.surroundings.sessions.size(), 0U) << what;
}

TEST(UpstreamCertificate, AGoodOneIsAccepted) {
  MatrixBench bench;
  bench.run();
  EXPECT_EQ(bench.connection.phase(), Phase::relaying);
}

// threat-model 52
TEST(UpstreamCertificate, EveryBadOneIsRefusedWithItsReason) {
  struct Case {
    std::string what;
    CertificateSpec leaf;
    std::string reason;
  };
  const Case cases[] = {
      {"expired", {.name = kHost, .not_before = -7200, .not_after = -3600}, "has expired; check"},
      {"not yet valid", {.name = kHost, .not_before = 3600}, "not yet valid; check"},
      {"wrong host", {.name = "other.example"}, "ostname mismatch; it is made out"},
      {"wildcard two labels deep", {.name = "w", .san = "DNS:*.com"}, "ostname mismatch"},
      {"wildcard part", {.name = "w", .san = "DNS:daily-*.googleapis.com"}, "ostname mismatch"},
      {"address as name", {.name = "w", .san = "IP:192.0.2.1"}, "ostname mismatch"},
      {"RSA-1024", {.name = kHost, .rsa_bits = 1024}, "key too weak; its owner"},
      {"SHA-1", {.name = kHost, .has_sha1 = true}, "digest algorithm too weak; its owner"},
  };
  for (const auto& each : cases) {
    MatrixBench bench;
    bench.serve(testing::server_context(make_certificate(each.leaf, &authority("theirs"))));
    expect_refused(bench, each.reason, each.what);
  }
}

TEST(UpstreamCertificate, AWholeLabelWildcardIsAccepted) {
  MatrixBench bench;
  bench.serve(testing::server_context(
      make_certificate({.name = "w", .san = "DNS:*.googleapis.com"}, &authority("theirs"))));
  bench.run();
  EXPECT_EQ(bench.connection.phase(), Phase::relaying);
}

// threat-model 52
TEST(UpstreamCertificate, WhatNobodyTrustsIsRefused) {
  {
    MatrixBench bench;
    bench.serve(testing::server_context(make_certificate({.name = kHost})));
    expect_refused(bench, "upstream.extra_ca_file", "self-signed");
  }
  {
    MatrixBench bench;
    bench.serve(testing::server_context(make_certificate({.name = kHost}, &authority("stranger"))));
    expect_refused(bench, "upstream.extra_ca_file", "untrusted root");
  }
  {
    MatrixBench bench;
    bench.serve(testing::server_context(make_certificate({.name = kHost}, &authority("stranger")),
                                        {authority("stranger")}));
    expect_refused(bench, "upstream.extra_ca_file", "untrusted root, sent along");
  }
}

TEST(UpstreamCertificate, AnIntermediateMustBeSentAndMayBeConstrained) {
  const auto intermediate =
      make_certificate({.name = "intermediate", .is_authority = true}, &authority("theirs"));
  const auto narrow = make_certificate(
      {.name = "narrow", .is_authority = true, .constraints = "permitted;DNS:example.com"},
      &authority("theirs"));
  {
    MatrixBench bench;
    bench.serve(
        testing::server_context(make_certificate({.name = kHost}, &intermediate), {intermediate}));
    bench.run();
    EXPECT_EQ(bench.connection.phase(), Phase::relaying);
  }
  {
    MatrixBench bench;
    bench.serve(testing::server_context(make_certificate({.name = kHost}, &intermediate)));
    expect_refused(bench, "does not send an intermediate", "missing intermediate");
  }
  {
    MatrixBench bench;
    bench.serve(testing::server_context(make_certificate({.name = kHost}, &narrow), {narrow}));
    expect_refused(bench, "may not sign for this name", "name constraints");
  }
}

// threat-model 52
TEST(UpstreamCertificate, Tls11IsRefused) {
  MatrixBench bench;
  auto old = testing::server_context(make_certificate({.name = kHost}, &authority("theirs")));
  SSL_CTX_set_min_proto_version(old.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
  bench.serve(old);
  expect_refused(bench, "TLS 1.2 or newer", "TLS 1.1");
}

// threat-model 53
TEST(UpstreamCertificate, OurOwnIssuerIsRefusedEvenWhereItIsTrusted) {
  {
    MatrixBench bench;
    bench.serve(testing::server_context(make_certificate({.name = kHost}, &authority("ours"))));
    expect_refused(bench, "upstream.extra_ca_file", "own issuer, not trusted");
  }
  {
    MatrixBench bench;
    bench.surroundings.upstream = testing::upstream_context(authority("ours"));
    bench.surroundings.own = authority("ours").certificate.get();
    bench.serve(testing::server_context(make_certificate({.name = kHost}, &authority("ours"))));
    expect_refused(bench, "own interception issuer", "own issuer, trusted");
  }
}

}  // namespace
}  // namespace agp::relay
