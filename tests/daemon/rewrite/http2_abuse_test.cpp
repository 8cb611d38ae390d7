#include "daemon/rewrite/limits.h"
#include "tests/daemon/rewrite/http2_path.h"
#include "tests/support/heap.h"

#include <algorithm>
#include <chrono>
#include <map>

#include <gtest/gtest.h>

/// What a peer may do to the HTTP/2 of the rewriting relay, and what comes of it.
namespace agp::rewrite {
namespace {

TEST(Http2Abuse, RapidResetIsCalmed) {
  FakeRules rules;
  Path path(&rules);
  path.run();
  unsigned resets = 0;
  for (; resets <= 2 * kResetBudget && !path.client.goaway; ++resets) {
    const std::int32_t id = path.client.request(get());
    (void)path.cross(Peer::client, path.client.take());
    path.client.reset(id, NGHTTP2_CANCEL);
    path.run();
  }
  EXPECT_EQ(resets, kResetBudget + 1);
  EXPECT_EQ(path.client.goaway_code, std::uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
  EXPECT_TRUE(path.is_closed());
  ASSERT_FALSE(path.events.empty());
  EXPECT_EQ(path.events.back().where, "rapid_reset");
}

TEST(Http2Abuse, CancellingNowAndThenIsNoAbuse) {
  FakeRules rules;
  Path path(&rules);
  path.run();
  for (unsigned i = 0; i < 2 * kResetBudget; ++i) {
    const std::int32_t id = path.client.request(get());
    path.run();
    if (i % 2 == 0) {
      path.client.reset(id, NGHTTP2_CANCEL);
    } else {
      path.upstream.respond(id, kOk);
    }
    path.run();
  }
  EXPECT_FALSE(path.client.goaway);
}

TEST(Http2Abuse, UpstreamMayRefuseNowAndThen) {
  FakeRules rules;
  Path path(&rules);
  path.run();
  for (unsigned i = 0; i < 2 * kResetBudget; ++i) {
    const std::int32_t id = path.client.request(get());
    path.run();
    if (i % 2 == 0) {
      path.upstream.reset(id, NGHTTP2_REFUSED_STREAM);
    } else {
      path.upstream.respond(id, kOk);
    }
    path.run();
  }
  EXPECT_FALSE(path.is_closed());
}

/// A raw peer on one side: what nghttp2 would never send. On the other side an honest one.
struct RawPeer {
  RawPeer(const Rules* rules, Peer from) : path(rules), side(from) {
    if (side == Peer::client) {
      (void)path.cross(Peer::upstream, path.upstream.take());
      raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    }
    frame(NGHTTP2_SETTINGS, 0, 0, "");
    if (side == Peer::upstream) {
      (void)path.cross(Peer::client, path.client.take());
    }
  }
  void raw(std::string_view octets) { path.relay.on_bytes(side, as_bytes(octets)); }
  void frame(unsigned type, unsigned flags, std::uint32_t id, std::string_view payload) {
    std::string out;
    for (const std::size_t octet : {payload.size() >> 16, payload.size() >> 8, payload.size(),
                                    std::size_t{type}, std::size_t{flags}, std::size_t{id >> 24},
                                    std::size_t{id >> 16}, std::size_t{id >> 8}, std::size_t{id}}) {
      out += static_cast<char>(octet & 0xff);
    }
    raw(out.append(payload));
  }
  void window_update(std::uint32_t id, std::uint32_t by) {
    frame(NGHTTP2_WINDOW_UPDATE, 0, id, u32(by));
  }
  void initial_window(std::uint32_t size) {
    frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\4", 2) + u32(size));
  }
  /// A raw client asks, or a raw upstream is asked. @return the stream's number.
  std::uint32_t open_stream(bool has_body = false) {
    if (side == Peer::upstream) {
      const std::int32_t id = path.client.request(has_body ? post() : get(), has_body);
      (void)path.cross(Peer::client, path.client.take());
      return static_cast<std::uint32_t>(id);
    }
    // POST or GET https /, and :authority in full.
    frame(NGHTTP2_HEADERS,
          NGHTTP2_FLAG_END_HEADERS | (has_body ? 0U : unsigned{NGHTTP2_FLAG_END_STREAM}), next_id,
          std::string(has_body ? "\x83" : "\x82") + "\x87\x84\x41\x0f" + "api.example.com");
    return std::exchange(next_id, next_id + 2);
  }
  /// The honest side's part of a stream: what it got, and what it sends.
  void honest_side_sends(std::uint32_t id, std::string_view body, bool ends) {
    Http2Peer& honest = side == Peer::client ? path.upstream : path.client;
    if (side == Peer::client) {
      (void)honest.feed(path.relay.take_output(Peer::upstream));
      honest.respond(static_cast<std::int32_t>(id), kOk, true);
    }
    honest.send(static_cast<std::int32_t>(id), body, ends);
    honest_side_goes_on();
  }
  void honest_side_goes_on() {
    const Peer there = side == Peer::client ? Peer::upstream : Peer::client;
    Http2Peer& honest = side == Peer::client ? path.upstream : path.client;
    for (bool more = true; more;) {
      more = path.cross(there, honest.take());
      more |= read();
      const Buffer out = path.relay.take_output(there);
      (void)honest.feed(out);
      more |= !out.empty();
      path.most_held = std::max(path.most_held, path.relay.held_octets());
    }
  }
  /// Reads what the relay says to this side. @return false when it said nothing.
  bool read() {
    const Buffer out = path.relay.take_output(side);
    unread.append(as_text(out));
    if (unread.starts_with("PRI")) {
      unread.erase(0, 24);  // the client's preface comes in one piece
    }
    while (unread.size() >= 9) {
      const std::size_t size = number(0, 3);
      if (unread.size() < 9 + size) {
        break;
      }
      const auto id = static_cast<std::uint32_t>(number(5, 4));
      switch (unread[3]) {
        case NGHTTP2_DATA:
          got[id] += size;
          break;
        case NGHTTP2_RST_STREAM:
          resets[id] = static_cast<std::uint32_t>(number(9, 4));
          break;
        case NGHTTP2_GOAWAY:
          goaway = static_cast<std::uint32_t>(number(13, 4));
          break;
        default:
          break;
      }
      unread.erase(0, 9 + size);
    }
    return !out.empty();
  }
  /// "none", or where the first event is about.
  [[nodiscard]] std::string event() {
    const auto events = path.relay.take_events();
    return events.empty() ? "none" : events.front().where;
  }
  /// What the honest side is told at the end.
  [[nodiscard]] std::uint32_t honest_goaway() {
    Http2Peer& honest = side == Peer::client ? path.upstream : path.client;
    (void)honest.feed(path.relay.take_output(side == Peer::client ? Peer::upstream : Peer::client));
    return honest.goaway ? honest.goaway_code : kNothing;
  }
  static std::string u32(std::uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
            static_cast<char>(value >> 8), static_cast<char>(value)};
  }

  static constexpr std::uint32_t kNothing = 0xffffffff;
  Path path;
  Peer side;
  std::uint32_t next_id = 1;
  std::string unread;
  std::map<std::uint32_t, std::size_t> got;  // octets of DATA
  std::map<std::uint32_t, std::uint32_t> resets;
  std::uint32_t goaway = kNothing;

 private:
  [[nodiscard]] std::size_t number(std::size_t at, std::size_t size) const {
    std::size_t value = 0;
    for (std::size_t i = at; i < at + size; ++i) {
      value = value << 8 | static_cast<std::uint8_t>(unread[i]);
    }
    return value;
  }
};

TEST(Http2Abuse, ContinuationFloodIsCalmed) {
  FakeRules rules;
  RawPeer client(&rules, Peer::client);
  client.frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, "");
  unsigned sent = 0;
  while (!client.path.is_closed() && sent < 100) {
    client.frame(NGHTTP2_CONTINUATION, 0, 1, std::string("\x00\x01x\x01y", 5));
    ++sent;
  }
  EXPECT_EQ(sent, kMaxContinuations + 1);
  EXPECT_TRUE(client.path.is_closed());
  EXPECT_EQ(client.event(), "continuation_flood");
}

TEST(Http2Abuse, PingFloodIsCalmedWhetherTheAnswersAreReadOrNot) {
  FakeRules rules;
  for (const bool reads : {true, false}) {
    RawPeer client(&rules, Peer::client);
    unsigned sent = 0;
    while (!client.path.is_closed() && sent < 2 * kIdleFrameBudget) {
      client.frame(NGHTTP2_PING, 0, 0, "12345678");
      ++sent;
      if (reads) {
        (void)client.path.relay.take_output(Peer::client);
      }
    }
    EXPECT_TRUE(client.path.is_closed());
    EXPECT_LE(sent, kIdleFrameBudget + 1);
    EXPECT_LT(client.path.relay.take_output(Peer::client).size(), 2 * kHighWater);
  }
}

TEST(Http2Abuse, AllowancesGrowBackWithTimeUpToTheirLimit) {
  FakeRules rules;
  RawPeer client(&rules, Peer::client);
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
  // A keep-alive PING in the interval that gRPC uses, for more than a day.
  for (unsigned i = 0; i < kIdleFrameBudget + 1000; ++i, now += std::chrono::seconds(10)) {
    client.path.relay.on_time(now);
    client.frame(NGHTTP2_PING, 0, 0, "12345678");
    (void)client.path.relay.take_output(Peer::client);
    ASSERT_FALSE(client.path.is_closed()) << i;
  }
  client.path.relay.on_time(now + std::chrono::hours(1000));
  client.path.relay.on_time(now);  // back: nothing happens
  unsigned sent = 0;
  for (; !client.path.is_closed() && sent < 2 * kIdleFrameBudget; ++sent) {
    client.frame(NGHTTP2_PING, 0, 0, "12345678");
    (void)client.path.relay.take_output(Peer::client);
  }
  EXPECT_LE(sent, kIdleFrameBudget + 1);
  EXPECT_TRUE(client.path.is_closed());
}

struct Flood {
  std::string name;
  unsigned type = 0;
  unsigned flags = 0;
  bool on_stream = false;
  std::string payload;
};

const Flood kIdleFloods[] = {
    {"PING", NGHTTP2_PING, 0, false, "12345678"},
    {"SETTINGS", NGHTTP2_SETTINGS, 0, false, ""},
    {"SETTINGS up and down", NGHTTP2_SETTINGS, 0, false,
     std::string("\0\4\x7f\xff\xff\xff\0\4\0\0\0\0", 12)},
    {"PRIORITY", NGHTTP2_PRIORITY, 0, true, std::string(5, '\0')},
    {"WINDOW_UPDATE", NGHTTP2_WINDOW_UPDATE, 0, false, std::string("\0\0\0\1", 4)},
    {"WINDOW_UPDATE of a stream", NGHTTP2_WINDOW_UPDATE, 0, true, std::string("\0\0\0\1", 4)},
    {"unknown", 0x77, 0, false, "?"},
    {"empty DATA", NGHTTP2_DATA, 0, true, ""},
    {"padded DATA without octets", NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, true, std::string(1, '\0')},
    {"DATA of padding alone", NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, true,
     '\x20' + std::string(32, '\0')},
};

/// @param side          who floods.
/// @param honest_error  what the other side's GOAWAY says.
void expect_calmed(Peer side, std::uint32_t honest_error) {
  FakeRules rules;
  for (const Flood& flood : kIdleFloods) {
    for (const bool reads : {true, false}) {
      SCOPED_TRACE(flood.name + (reads ? "" : ", unread"));
      RawPeer peer(&rules, side);
      const bool is_client = side == Peer::client;
      const std::uint32_t id = is_client ? peer.open_stream(true) : peer.open_stream();
      if (!is_client) {
        peer.frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, "\x88");
      }
      test::HeapGrowth heap;
      unsigned sent = 0;
      while (!peer.path.is_closed() && sent < 2 * kIdleFrameBudget) {
        peer.frame(flood.type, flood.flags, flood.on_stream ? id : 0, flood.payload);
        if (reads) {
          (void)peer.read();
        }
        heap.look();
        ++sent;
      }
      EXPECT_LE(sent, kIdleFrameBudget + 1);
      EXPECT_TRUE(peer.path.is_closed());
      EXPECT_LT(heap.most(), 4 * kHighWater);
      (void)peer.read();
      EXPECT_EQ(peer.goaway, std::uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
      EXPECT_EQ(peer.honest_goaway(), honest_error);
      if (reads) {
        EXPECT_EQ(peer.event(), "empty_frame_flood");
      }
    }
  }
}

TEST(Http2Abuse, SettingsPriorityWindowAndEmptyDataFloodsAreCalmed) {
  expect_calmed(Peer::client, NGHTTP2_NO_ERROR);
}

TEST(Http2Abuse, TheSameFloodsFromUpstreamAreCalmed) {
  expect_calmed(Peer::upstream, NGHTTP2_INTERNAL_ERROR);
}

TEST(Http2Abuse, ResetsOfAStreamThatIsOverAreCalmed) {
  FakeRules rules;
  for (const Peer side : {Peer::client, Peer::upstream}) {
    SCOPED_TRACE(side == Peer::client ? "client" : "upstream");
    RawPeer peer(&rules, side);
    const std::uint32_t id = peer.open_stream();
    test::HeapGrowth heap;
    unsigned sent = 0;
    while (!peer.path.is_closed() && sent < 2 * kResetBudget) {
      peer.frame(NGHTTP2_RST_STREAM, 0, id, RawPeer::u32(NGHTTP2_CANCEL));
      (void)peer.read();
      heap.look();
      ++sent;
    }
    EXPECT_EQ(sent, kResetBudget + 1);
    EXPECT_LT(heap.most(), kHighWater);
    EXPECT_EQ(peer.event(), "rapid_reset");
    EXPECT_EQ(peer.goaway, std::uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
  }
}

TEST(Http2Abuse, AnUpstreamThatResetsEverythingIsCalmed) {
  FakeRules rules;
  Path path(&rules);
  path.run();
  test::HeapGrowth heap;
  unsigned resets = 0;
  for (; resets < 2 * kResetBudget && !path.is_closed(); ++resets) {
    const std::int32_t id = path.client.request(get());
    path.run();
    path.client.got.clear();
    path.upstream.got.clear();
    path.upstream.reset(id, NGHTTP2_REFUSED_STREAM);
    path.run();
    heap.look();
  }
  EXPECT_EQ(resets, kResetBudget + 1);
  EXPECT_TRUE(path.is_closed());
  EXPECT_LT(heap.most(), 4 * kHighWater);
  ASSERT_FALSE(path.events.empty());
  EXPECT_EQ(path.events.back().where, "rapid_reset");
  EXPECT_EQ(path.events.back().kind, Event::Kind::bad_reply);
  EXPECT_EQ(path.client.goaway_code, std::uint32_t{NGHTTP2_INTERNAL_ERROR});
}

TEST(Http2Abuse, AContinuationFloodOfUpstreamIsCalmed) {
  FakeRules rules;
  RawPeer upstream(&rules, Peer::upstream);
  const std::uint32_t id = upstream.open_stream();
  test::HeapGrowth heap;
  upstream.frame(NGHTTP2_HEADERS, 0, id, "\x88");
  unsigned sent = 0;
  while (!upstream.path.is_closed() && sent < 100) {
    upstream.frame(NGHTTP2_CONTINUATION, 0, id, std::string("\x00\x01x\x01y", 5));
    heap.look();
    ++sent;
  }
  EXPECT_EQ(sent, kMaxContinuations + 1);
  EXPECT_LT(heap.most(), kHighWater);
  (void)upstream.read();
  EXPECT_EQ(upstream.event(), "continuation_flood");
  EXPECT_EQ(upstream.goaway, std::uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
  EXPECT_EQ(upstream.honest_goaway(), std::uint32_t{NGHTTP2_INTERNAL_ERROR});
}

TEST(Http2Abuse, WhatComesForAStreamThatIsGoneIsSkippedAndNotKept) {
  FakeRules rules;
  for (const Peer side : {Peer::client, Peer::upstream}) {
    for (const bool has_octets : {false, true}) {
      SCOPED_TRACE(std::string(side == Peer::client ? "client" : "upstream") +
                   (has_octets ? ", octets" : ", empty"));
      RawPeer peer(&rules, side);
      const std::uint32_t id = peer.open_stream(true);
      peer.frame(NGHTTP2_RST_STREAM, 0, id, RawPeer::u32(NGHTTP2_CANCEL));
      (void)peer.read();
      test::HeapGrowth heap;
      for (unsigned i = 0; i < 2 * kIdleFrameBudget && !peer.path.is_closed(); ++i) {
        peer.frame(NGHTTP2_DATA, 0, id, has_octets ? std::string(500, 'x') : std::string());
        (void)peer.read();
        heap.look();
      }
      EXPECT_LT(heap.most(), kHighWater);
      EXPECT_EQ(peer.path.relay.held_octets(), 0U);
    }
  }
}

// ------------------------------------------------------------------------------- window games

constexpr std::uint32_t kLargestWindow = 0x7fffffff;

TEST(Http2Windows, AnUpdateByNothingEndsTheConnection) {
  FakeRules rules;
  for (const Peer side : {Peer::client, Peer::upstream}) {
    for (const bool on_stream : {false, true}) {
      SCOPED_TRACE(std::string(side == Peer::client ? "client" : "upstream") +
                   (on_stream ? ", stream" : ", connection"));
      RawPeer peer(&rules, side);
      const std::uint32_t id = peer.open_stream(true);
      peer.window_update(on_stream ? id : 0, 0);
      (void)peer.read();
      EXPECT_TRUE(peer.path.is_closed());
      EXPECT_EQ(peer.goaway, std::uint32_t{NGHTTP2_PROTOCOL_ERROR});
      EXPECT_EQ(peer.event(), "protocol_error");
    }
  }
}

TEST(Http2Windows, OverflowOfTheConnectionEndsItAndOfAStreamThatStream) {
  FakeRules rules;
  for (const Peer side : {Peer::client, Peer::upstream}) {
    SCOPED_TRACE(side == Peer::client ? "client" : "upstream");
    RawPeer peer(&rules, side);
    const std::uint32_t id = peer.open_stream(true);
    peer.window_update(id, kLargestWindow - 65535);
    (void)peer.read();
    EXPECT_TRUE(peer.resets.empty()) << "the largest window is one";
    peer.window_update(id, 1);
    (void)peer.read();
    EXPECT_EQ(peer.resets[id], std::uint32_t{NGHTTP2_FLOW_CONTROL_ERROR});
    EXPECT_FALSE(peer.path.is_closed());
    peer.window_update(0, kLargestWindow - 65535);
    (void)peer.read();
    EXPECT_FALSE(peer.path.is_closed());
    peer.window_update(0, 1);
    (void)peer.read();
    EXPECT_TRUE(peer.path.is_closed());
    EXPECT_EQ(peer.goaway, std::uint32_t{NGHTTP2_FLOW_CONTROL_ERROR});
    EXPECT_EQ(peer.event(), "protocol_error");
  }
}

TEST(Http2Windows, AnInitialWindowThatIsNoneEndsTheConnection) {
  FakeRules rules;
  for (const Peer side : {Peer::client, Peer::upstream}) {
    SCOPED_TRACE(side == Peer::client ? "client" : "upstream");
    RawPeer peer(&rules, side);
    (void)peer.open_stream(true);
    peer.initial_window(kLargestWindow + 1);
    (void)peer.read();
    EXPECT_TRUE(peer.path.is_closed());
    EXPECT_EQ(peer.goaway, std::uint32_t{NGHTTP2_FLOW_CONTROL_ERROR});
    EXPECT_EQ(peer.event(), "protocol_error");
  }
}

TEST(Http2Windows, AnInitialWindowThatOverflowsAStreamEndsThatStream) {
  FakeRules rules;
  for (const Peer side : {Peer::client, Peer::upstream}) {
    SCOPED_TRACE(side == Peer::client ? "client" : "upstream");
    RawPeer peer(&rules, side);
    const std::uint32_t wide = peer.open_stream(true);
    const std::uint32_t other = peer.open_stream(true);
    peer.window_update(wide, 1);
    peer.initial_window(kLargestWindow);
    (void)peer.read();
    EXPECT_EQ(peer.resets[wide], std::uint32_t{NGHTTP2_FLOW_CONTROL_ERROR});
    EXPECT_FALSE(peer.resets.contains(other));
    EXPECT_FALSE(peer.path.is_closed());
    EXPECT_EQ(peer.event(), "none");
  }
}

TEST(Http2Windows, AWindowThatTurnsNegativeHoldsTheBodyUntilItIsOpenAgain) {
  FakeRules rules;
  for (const Peer side : {Peer::client, Peer::upstream}) {
    SCOPED_TRACE(side == Peer::client ? "to the client" : "to upstream");
    RawPeer peer(&rules, side);
    peer.window_update(0, 16 << 20);
    const std::uint32_t id = peer.open_stream(true);
    const std::string body(std::size_t{2} << 20, 'x');
    test::HeapGrowth heap;
    peer.honest_side_sends(id, body, true);
    EXPECT_EQ(peer.got[id], 65535U) << "all that the window lets through";
    peer.initial_window(0);  // the stream's window is -65535 now
    peer.honest_side_goes_on();
    peer.window_update(id, 65535);
    peer.honest_side_goes_on();
    EXPECT_EQ(peer.got[id], 65535U) << "a window of 0";
    peer.window_update(id, 100);
    peer.honest_side_goes_on();
    EXPECT_EQ(peer.got[id], 65635U);
    // Up and down again in mid-stream: what counts is the difference each time.
    for (std::uint32_t round = 0; round < 200; ++round) {
      peer.initial_window(1000);
      peer.initial_window(0);
      peer.honest_side_goes_on();
      heap.look();
    }
    EXPECT_EQ(peer.got[id], 66635U) << "1000 octets fitted once; 0 - 1000 lets nothing through";
    EXPECT_LE(peer.path.most_held, kStreamWindow);
    EXPECT_LT(heap.most(), body.size() + 8 * kStreamWindow) << "the body itself is the test's";
    EXPECT_FALSE(peer.path.is_closed());
    peer.initial_window(kLargestWindow);
    peer.honest_side_goes_on();
    EXPECT_EQ(peer.got[id], body.size());
    EXPECT_EQ(peer.path.relay.held_octets(), 0U);
    EXPECT_EQ(peer.event(), "none");
    EXPECT_TRUE(peer.resets.empty());
    EXPECT_FALSE(peer.path.is_closed());
  }
}

// -------------------------------------------------------------------------------------- heads

TEST(Http2Abuse, AHeaderBombIsCountedAndNotKept) {
  FakeRules rules;
  RawPeer client(&rules, Peer::client);
  (void)client.read();
  // An entry of 4 kB in the table, then named by each octet: 64 MiB in one frame.
  const std::string large(3900, 'a');
  std::string block =
      "\x82\x87\x84\x41\x0f"
      "api.example.com"
      "\x40\x06x-bomb\x7f";
  block += static_cast<char>(0x80 | ((large.size() - 127) & 0x7f));
  block += static_cast<char>((large.size() - 127) >> 7);
  block += large;
  test::HeapGrowth heap;
  client.frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, block);
  heap.look();
  for (unsigned i = 1; i < kMaxContinuations; ++i) {
    client.frame(NGHTTP2_CONTINUATION, 0, 1, std::string(16384, '\xbe'));
    heap.look();
  }
  EXPECT_GT(heap.most(), kMaxFieldBytes / 2) << "what fits is kept";
  EXPECT_LT(heap.most(), 3 * kMaxFieldBytes);
  EXPECT_EQ(client.event(), "none");
  client.frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, "");
  EXPECT_EQ(client.event(), "fields_too_large");
  (void)client.read();
  heap.look();
  EXPECT_LT(heap.most(), 3 * kMaxFieldBytes);
  EXPECT_FALSE(client.path.is_closed());
}

// threat-model 63
TEST(Http2Abuse, AHeaderBombIsAnswered431) {
  FakeRules rules;
  Path path(&rules);
  Fields request = get();
  for (int i = 0; i < 90; ++i) {
    request.push_back({"x-bomb", std::string(3000, 'a')});
  }
  const std::int32_t id = path.client.request(request);
  path.run();
  EXPECT_TRUE(path.upstream.got.empty());
  EXPECT_EQ(status(path.client.got[id]), "431");
  EXPECT_FALSE(path.is_closed());
}

// threat-model 63
TEST(Http2Abuse, ABombInAnAnswerIsABadGateway) {
  FakeRules rules;
  Path path(&rules);
  const std::int32_t id = path.client.request(get());
  path.run();
  Fields reply = kOk;
  for (int i = 0; i < 90; ++i) {
    reply.push_back({"x-bomb", std::string(3000, 'a')});
  }
  path.upstream.respond(1, reply);
  path.run();
  EXPECT_EQ(status(path.client.got[id]), "502");
}

TEST(Http2Abuse, NoHttp2AtAllIsRefused) {
  FakeRules rules;
  Path path(&rules);
  (void)path.cross(Peer::upstream, path.upstream.take());
  path.relay.on_bytes(Peer::client, as_bytes("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n"));
  EXPECT_TRUE(path.is_closed());
  EXPECT_EQ(path.relay.take_events().size(), 1U);
}

TEST(Http2Abuse, AClientThatNeverReadsCannotMakeUsGrow) {
  FakeRules rules;
  rules.blocked = {"/"};
  Path path(&rules);
  (void)path.cross(Peer::upstream, path.upstream.take());
  for (int i = 0; i < 5000 && !path.is_closed(); ++i) {
    path.client.request(get());
    (void)path.cross(Peer::client, path.client.take());
  }
  EXPECT_LE(path.relay.take_output(Peer::client).size(), 2 * kHighWater);
}

}  // namespace
}  // namespace agp::rewrite
