#include "daemon/relay/early_answer.h"

#include "tests/daemon/relay/support.h"

#include <gtest/gtest.h>

namespace agp::relay {
namespace {

// Up to where upstream has been said hello to, and the answer to the client is computed.
void begin(Bench& bench) {
  bench.prepares = true;
  (void)bench.client->handshake();
  bench.give(Side::client, bench.client->take_output());
  ASSERT_EQ(bench.connection.phase(), Phase::upstream_handshake);
}

// threat-model 52
TEST(EarlyAnswer, NothingOfItLeavesBeforeUpstreamIsVerified) {
  Bench bench({"http/1.1"});
  begin(bench);
  EXPECT_EQ(bench.surroundings.minted, kHost);
  EXPECT_TRUE(bench.connection.take_output(Side::client).empty());
  EXPECT_FALSE(bench.connection.next_command());
  bench.run();
  EXPECT_EQ(bench.connection.phase(), Phase::relaying);
  EXPECT_TRUE(bench.client->is_ready());
}

TEST(EarlyAnswer, AnUpstreamThatDoesNotVerifyIsAnAlertAndNothingElse) {
  Bench bench({"http/1.1"}, {.name = "other.example"});
  begin(bench);
  bench.run();
  EXPECT_TRUE(bench.has(Report::Kind::upstream_refused));
  ASSERT_EQ(bench.to_client_raw.size(), 7U);
  EXPECT_EQ(bench.to_client_raw.front(), 21);  // an alert, in clear
  EXPECT_TRUE(bench.server_got.empty());
}

TEST(EarlyAnswer, AnUpstreamThatLeavesIsAnAlertAndNothingElse) {
  Bench bench;
  begin(bench);
  bench.connection.on_eof(Side::upstream, kNow);
  EXPECT_EQ(bench.connection.take_output(Side::client).size(), 7U);
  EXPECT_EQ(bench.connection.phase(), Phase::closed);
}

TEST(EarlyAnswer, WhatUpstreamChoosesCountsWhateverWasGuessed) {
  for (const std::string choice : {"h2", "http/1.1", "x-unknown"}) {
    Bench bench({"h2", "http/1.1", "x-unknown"}, {.name = kHost}, choice);
    begin(bench);
    bench.run();
    ASSERT_EQ(bench.connection.phase(), Phase::relaying) << choice;
    EXPECT_EQ(bench.client->alpn(), choice);
    EXPECT_EQ(bench.server->alpn(), choice);
  }
}

TEST(EarlyAnswer, AnUpstreamWithoutAlpnLeavesTheClientWithoutIt) {
  for (const auto& offers : {std::vector<std::string>{"h2", "http/1.1"}, {}}) {
    Bench bench(offers, {.name = kHost}, "");
    begin(bench);
    bench.run();
    ASSERT_EQ(bench.connection.phase(), Phase::relaying);
    EXPECT_EQ(bench.client->alpn(), "");
  }
}

TEST(EarlyAnswer, TheNextGuessIsWhatUpstreamChoseLast) {
  Bench bench({"h2", "http/1.1"});
  begin(bench);
  bench.run();
  const auto* last = bench.scratch.choices.find(tls::SessionCache::key(kHost, {"h2", "http/1.1"}));
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(*last, "http/1.1");

  Connection next(ConnectionFacts{}, &bench.surroundings, &bench.scratch);
  auto client = std::move(*tls::Engine::client(bench.client_side.get(), kHost, {"h2", "http/1.1"}));
  (void)client.handshake();
  next.on_bytes(Side::client, client.take_output(), kNow);
  next.on_upstream_open({}, kNow);
  bench.surroundings.minted.clear();
  next.prepare_answer(kNow);
  auto server = std::move(*tls::Engine::server(bench.server_side.get(), "http/1.1"));
  Buffer nothing;
  ASSERT_TRUE(server.feed(next.take_output(Side::upstream), nothing));
  EXPECT_EQ(bench.surroundings.minted, kHost);
  bench.surroundings.minted.clear();
  next.on_bytes(Side::upstream, server.take_output(), kNow);
  EXPECT_EQ(next.phase(), Phase::client_handshake);
  EXPECT_EQ(bench.surroundings.minted, "");  // the answer that was ready has been used
}

TEST(EarlyAnswer, AHelloRetryRequestIsComputedAheadAsWell) {
  Bench bench({"h2", "http/1.1"}, {.name = kHost}, "h2");
  bench.surroundings.leaf_groups = "P-384";
  begin(bench);
  bench.run();
  ASSERT_EQ(bench.connection.phase(), Phase::relaying);
  EXPECT_EQ(bench.client->alpn(), "h2");
}

TEST(EarlyAnswer, OctetsThatFollowTheHelloTooEarlyAreReadOnce) {
  Bench bench({"http/1.1"});
  begin(bench);
  // A record of change_cipher_spec, which TLS 1.3 allows a client to send at this point.
  const Buffer filler = {20, 3, 3, 0, 1, 1};
  bench.give(Side::client, filler);
  bench.run();
  ASSERT_EQ(bench.connection.phase(), Phase::relaying) << bench.client_result.has_error();
  ASSERT_TRUE(bench.client->write(as_bytes(std::string_view(kRequest))));
  bench.run();
  EXPECT_EQ(as_text(bench.server_got), kRequest);
}

TEST(EarlyAnswer, AFailureIsReportedWhenTheAnswerIsNeeded) {
  Bench bench;
  bench.surroundings.leaf_fails = true;
  begin(bench);
  EXPECT_EQ(bench.surroundings.minted, kHost);
  EXPECT_FALSE(bench.connection.next_command());
  EXPECT_EQ(bench.connection.phase(), Phase::upstream_handshake);
  bench.run();
  EXPECT_TRUE(bench.has(Report::Kind::leaf_failed));
  ASSERT_FALSE(bench.client_result);
}

TEST(EarlyAnswer, AnySplitOfTheWireGivesTheSameResult) {
  for (std::size_t step = 1; step < 700; step = step * 3 / 2 + 1) {
    Bench bench({"h2", "http/1.1"});
    bench.step = step;
    bench.prepares = true;
    bench.run();
    ASSERT_TRUE(bench.client->write(as_bytes(std::string_view(kRequest))));
    bench.run();
    ASSERT_TRUE(bench.server->write(as_bytes(kAnswer)));
    bench.run();
    EXPECT_EQ(as_text(bench.client_got), kAnswer) << step;
    EXPECT_EQ(bench.records.size(), 1U) << step;
  }
}

}  // namespace
}  // namespace agp::relay
