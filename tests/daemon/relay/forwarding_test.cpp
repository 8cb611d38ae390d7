#include "tests/daemon/relay/support.h"

#include <random>
#include <string>

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
