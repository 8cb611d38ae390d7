#include "daemon/websocket/reader.h"

#include "daemon/websocket/limits.h"
#include "tests/daemon/websocket/wire.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace agp::websocket {
namespace {

class Recorder final : public Sink {
 public:
  std::string log;
  std::string client;
  std::string server;
  std::uint64_t data = 0;
  bool keeps = true;

  void on_message_begin(Direction direction, bool is_text) override {
    (direction == Direction::client ? client : server) += is_text ? "t<" : "b<";
  }
  void on_message_data(Direction direction, Bytes bytes) override {
    data += bytes.size();
    if (keeps) {
      (direction == Direction::client ? client : server).append(as_text(bytes));
    }
  }
  void on_message_end(Direction direction, MessageEnd how) override {
    (direction == Direction::client ? client : server) += how == MessageEnd::complete ? ">" : "!>";
  }
};

struct Peers {
  explicit Peers(Deflate deflate = {}) : reader(&recorder, deflate) {}
  Recorder recorder;
  ConnectionReader reader;
  void client(std::string_view text) { feed(Direction::client, text); }
  void server(std::string_view text) { feed(Direction::server, text); }
  void feed(Direction direction, std::string_view text) {
    const std::vector<char> owned(text.begin(), text.end());
    reader.feed(direction, as_bytes({owned.data(), owned.size()}));
  }
};

constexpr Deflate kOn{true, false, false};

TEST(WebSocket, ReadsMaskedFragmentedAndControlFrames) {
  Peers peers;
  peers.client(wire::text("hello", true) + wire::fragmented("abcdefgh", 3, true) +
               wire::frame(wire::kFinal | 2, "bin", true) + wire::text("", true));
  peers.server(wire::fragmented("answer", 1, false) + wire::frame(wire::kFinal | 10, "", false));
  EXPECT_EQ(peers.recorder.client, "t<hello>t<abcdefgh>b<bin>t<>");
  EXPECT_EQ(peers.recorder.server, "t<answer>");
  EXPECT_FALSE(peers.reader.is_unparsed());
}

TEST(WebSocket, EverySplitIsEquivalent) {
  wire::Deflater client_deflater;
  wire::Deflater server_deflater;
  const std::string text(300, 'x');
  std::string out = wire::text("plain", true);
  std::string in;
  for (int i = 0; i < 3; ++i) {
    const std::string message = client_deflater.message(text + std::to_string(i));
    out += wire::fragmented(message, 5, true, wire::kCompressed);
    in += wire::frame(wire::kFinal | wire::kCompressed | 1, server_deflater.message(text), false);
  }
  in += wire::text(text, false);
  const auto run = [&](std::size_t cut_out, std::size_t cut_in) {
    Peers peers(kOn);
    peers.client(std::string_view(out).substr(0, cut_out));
    peers.client(std::string_view(out).substr(cut_out));
    peers.server(std::string_view(in).substr(0, cut_in));
    peers.server(std::string_view(in).substr(cut_in));
    EXPECT_EQ(peers.reader.octets(Direction::client), out.size());
    return peers.recorder.client + "|" + peers.recorder.server;
  };
  const std::string whole = run(0, 0);
  EXPECT_EQ(whole, "t<plain>t<" + text + "0>t<" + text + "1>t<" + text + "2>|t<" + text + ">t<" +
                       text + ">t<" + text + ">t<" + text + ">");
  for (std::size_t cut = 0; cut <= out.size(); ++cut) {
    ASSERT_EQ(run(cut, 0), whole) << cut;
  }
  for (std::size_t cut = 0; cut <= in.size(); ++cut) {
    ASSERT_EQ(run(0, cut), whole) << cut;
  }
}

TEST(WebSocket, LongLengthsAreRead) {
  for (const std::size_t size : {125u, 126u, 65535u, 65536u, 200000u}) {
    Peers peers;
    peers.client(wire::text(std::string(size, 'a'), true) + wire::text("b", true));
    EXPECT_EQ(peers.recorder.client, "t<" + std::string(size, 'a') + ">t<b>");
  }
}

TEST(WebSocket, WithoutContextTakeoverEachMessageStandsAlone) {
  wire::Deflater deflater(false, 9);
  Peers peers({true, false, true});
  const std::string text(500, 'y');
  for (int i = 0; i < 3; ++i) {
    peers.server(wire::frame(wire::kFinal | wire::kCompressed | 1, deflater.message(text), false));
  }
  EXPECT_EQ(peers.recorder.server, "t<" + text + ">t<" + text + ">t<" + text + ">");
}

TEST(WebSocket, AFinalBlockEndsNeitherMessageNorConnection) {
  wire::Deflater deflater;
  Peers peers(kOn);
  for (int i = 0; i < 2; ++i) {
    peers.server(wire::frame(wire::kFinal | wire::kCompressed | 1,
                             deflater.message("some text", Z_FINISH), false));
  }
  EXPECT_EQ(peers.recorder.server, "t<some text>t<some text>");
  EXPECT_FALSE(peers.reader.is_unparsed());
}

TEST(WebSocket, AMessageOf64MiBPassesInPieces) {
  Peers peers;
  peers.recorder.keeps = false;
  std::string head = wire::frame(wire::kFinal | 1, std::string(70000, 'x'), false).substr(0, 10);
  const std::uint64_t size = 64u << 20;
  for (int i = 0; i < 8; ++i) {
    head[static_cast<std::size_t>(2 + i)] = static_cast<char>(size >> (56 - 8 * i));
  }
  peers.server(head);
  const std::string piece(1 << 16, 'x');
  for (std::uint64_t sent = 0; sent < size; sent += piece.size()) {
    peers.reader.feed(Direction::server, as_bytes(piece));
  }
  EXPECT_EQ(peers.recorder.data, size);
  EXPECT_EQ(peers.recorder.server, "t<>");
}

TEST(WebSocket, FramesThatNoPeerAcceptsAreUnparsed) {
  using wire::kCompressed;
  using wire::kFinal;
  for (const auto& [name, octets] : std::initializer_list<std::pair<const char*, std::string>>{
           {"reserved bit", wire::frame(kFinal | 0x20 | 1, "x", true)},
           {"compressed without agreement", wire::frame(kFinal | kCompressed | 1, "x", true)},
           {"reserved opcode", wire::frame(kFinal | 3, "x", true)},
           {"reserved control opcode", wire::frame(kFinal | 11, "x", true)},
           {"fragmented control", wire::frame(9, "x", true)},
           {"long control", wire::frame(kFinal | 9, std::string(126, 'x'), true)},
           {"continuation of nothing", wire::frame(kFinal | 0, "x", true)},
           {"message in a message", wire::frame(1, "x", true) + wire::frame(1, "x", true)},
           {"length of 2^63", std::string("\x81\x7F\x80\0\0\0\0\0\0\0", 10)}}) {
    Peers peers;
    peers.client(octets);
    EXPECT_TRUE(peers.reader.is_unparsed()) << name;
    peers.server(wire::text("x", false));
    EXPECT_EQ(peers.recorder.server, "") << name;
  }
  Peers compressed(kOn);
  compressed.client(wire::frame(kFinal | kCompressed | 9, "", true));
  EXPECT_TRUE(compressed.reader.is_unparsed());
  Peers garbage(kOn);
  garbage.client(wire::frame(kFinal | kCompressed | 1, "\xFF\xFF\xFF\xFF", true));
  EXPECT_TRUE(garbage.reader.is_unparsed());
}

TEST(WebSocket, NothingIsReadBehindAClose) {
  Peers peers;
  peers.client(wire::text("a", true) + wire::frame(wire::kFinal | 8, "\x03\xE8", true) +
               "\xFF\xFF");
  EXPECT_EQ(peers.recorder.client, "t<a>");
  EXPECT_FALSE(peers.reader.is_unparsed());
  peers.server(wire::text("b", false));
  EXPECT_EQ(peers.recorder.server, "t<b>");
}

TEST(WebSocket, ABombIsDroppedOrUnparsedByContextTakeover) {
  for (const bool takeover : {false, true}) {
    wire::Deflater deflater(takeover);
    Peers peers({true, false, !takeover});
    peers.recorder.keeps = false;
    const std::string bomb = deflater.message(std::string(64u << 20, '\0'));
    ASSERT_LT(bomb.size(), 100'000u);
    peers.server(wire::frame(wire::kFinal | wire::kCompressed | 1, bomb, false));
    EXPECT_LE(peers.recorder.data, kMaxRatio * bomb.size() + kPieceBytes);
    EXPECT_EQ(peers.reader.is_unparsed(), takeover);
    if (!takeover) {
      peers.recorder.keeps = true;
      peers.server(
          wire::frame(wire::kFinal | wire::kCompressed | 1, deflater.message("next"), false));
      EXPECT_EQ(peers.recorder.server, "t<!>t<next>");
    }
  }
}

TEST(WebSocket, FloodsOfEmptyFramesCostNothing) {
  Peers peers;
  std::string flood = wire::frame(1, "", true);
  for (int i = 0; i < 10'000; ++i) {
    flood += wire::frame(0, "", true) + wire::frame(wire::kFinal | 9, "", true);
  }
  peers.client(flood + wire::frame(wire::kFinal, "x", true));
  EXPECT_EQ(peers.recorder.client, "t<x>");
}

TEST(WebSocket, Extensions) {
  const auto plain = parse_extensions(" ");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->is_on);
  const auto all = parse_extensions(
      "Permessage-Deflate; client_no_context_takeover ;server_no_context_takeover; "
      "client_max_window_bits; server_max_window_bits=\"10\"");
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->is_on && all->client_no_context_takeover && all->server_no_context_takeover);
  EXPECT_TRUE(parse_extensions("permessage-deflate")->is_on);
  EXPECT_FALSE(parse_extensions("permessage-deflate; unknown"));
  EXPECT_FALSE(parse_extensions("x-other"));
  EXPECT_FALSE(parse_extensions("permessage-deflate, x-other"));
  std::string many = "permessage-deflate";
  for (std::size_t i = 0; i <= kMaxParameters; ++i) {
    many += ";client_max_window_bits";
  }
  EXPECT_FALSE(parse_extensions(many));
}

TEST(WebSocket, MutatedConnectionsNeverCrashAndDoNotDependOnSplits) {
  wire::Deflater deflater;
  std::string wire_text;
  for (int i = 0; i < 4; ++i) {
    wire_text += wire::fragmented(deflater.message("text " + std::to_string(i) + " text"), 4, true,
                                  wire::kCompressed);
  }
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string mutated = wire_text;
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      mutated[random() % mutated.size()] = static_cast<char>(random());
    }
    const auto run = [&mutated](std::size_t cut) {
      Peers peers(kOn);
      peers.client(std::string_view(mutated).substr(0, cut));
      peers.client(std::string_view(mutated).substr(cut));
      return peers.recorder.client + (peers.reader.is_unparsed() ? "?" : "");
    };
    // Data of a piece that turns out broken may come in other pieces; the messages may not differ.
    const auto messages = [](const std::string& log) {
      return std::count(log.begin(), log.end(), '>');
    };
    ASSERT_EQ(messages(run(random() % mutated.size())), messages(run(0)));
  }
}

}  // namespace
}  // namespace agp::websocket
