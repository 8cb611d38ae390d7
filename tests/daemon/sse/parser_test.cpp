#include "daemon/sse/parser.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::sse {
namespace {

using namespace std::string_literals;

class Log final : public Sink {
 public:
  void on_event(const Event& event) override {
    lines.push_back(std::string(event.type) + "|" + std::string(as_text(event.data)) +
                    (event.unterminated ? "|unterminated" : "") +
                    (event.too_large ? "|too_large" : ""));
  }
  void on_orphans(Bytes text) override { lines.push_back("orphans|" + std::string(as_text(text))); }
  std::vector<std::string> lines;
};

using Lines = std::vector<std::string>;

Lines parse(const std::vector<std::string>& pieces, std::size_t limit = kMaxEventBytes) {
  Log log;
  Parser parser(&log, limit);
  for (const std::string& piece : pieces) {
    // A copy of its own per piece, so that a span that outlives its call is found.
    const std::vector<char> owned(piece.begin(), piece.end());
    parser.feed(as_bytes({owned.data(), owned.size()}));
  }
  parser.finish();
  return log.lines;
}

struct Vector {
  std::string wire;
  Lines events;
};

const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all{
      {"data: a\n\n", {"message|a"}},
      {"data:a\ndata\ndata: b\n\n", {"message|a\n\nb"}},
      {"data:  x\n\n", {"message| x"}},
      {"data\n\n", {"message|"}},
      {"event: e\n\ndata: 1\n\n", {"message|1"}},
      {"event: a\nevent: b\ndata: 1\n\n", {"b|1"}},
      {"data: a: b:c\n\n", {"message|a: b:c"}},
      {": c\n\n:\n\ndata: 1\n\n", {"message|1"}},
      {"Data: 1\n\n data: 2\n\ndata : 3\n\n",
       {"orphans|Data: 1", "orphans| data: 2", "orphans|data : 3"}},
      {"data: 1\r\rdata: 2\r\n\r\ndata: 3\n\r", {"message|1", "message|2", "message|3"}},
      {"data: 1\r\ndata: 2\n\n", {"message|1\n2"}},
      {"\xEF\xBB\xBF"
       "data: 1\n\n\xEF\xBB\xBF"
       "data: 2\n\n",
       {"message|1",
        "orphans|\xEF\xBB\xBF"
        "data: 2"}},
      {"\xEF\xBB"
       "data: 1\n\n",
       {"orphans|\xEF\xBB"
        "data: 1"}},
      {"data: 1\n\ndata: 2\n", {"message|1", "message|2|unterminated"}},
      {"data: 1\n\ndata: 2", {"message|1", "message|2|unterminated"}},
      {"data: 1\n\ndata: 2\r\n", {"message|1", "message|2|unterminated"}},
      {"id: 7\nretry: 10\ndata: 1\n\n", {"message|1"}},
      {"data: [DONE]\n\n", {"message|[DONE]"}},
      {"\n\n\ndata: 1\n\n\n\n", {"message|1"}},
      {"data: 1\n\n{\n  \"error\": {}\n}\n", {"message|1", "orphans|{\n  \"error\": {}\n}"}},
      {"data: \xC3\xA9\xF0\x9F\x98\x80\n\n", {"message|\xC3\xA9\xF0\x9F\x98\x80"}},
      {"data: a\0b\n\n"s, {"message|a\0b"s}},
  };
  return all;
}

TEST(SseParser, FindsTheEndOfALineAtEveryPlace) {
  for (std::size_t size = 0; size < 600; ++size) {
    const std::string text(size, 'x');
    for (const char* end : {"\n", "\r", "\r\n"}) {
      for (const std::size_t more : {0U, 1U, 40U, 100U}) {
        const std::string next(more, 'y');
        ASSERT_EQ(parse({"data:" + text + end + "data:" + next + "\r\n\n"}),
                  (Lines{"message|" + text + "\n" + next}))
            << size;
      }
    }
  }
}

TEST(SseParser, ReadsEveryReferenceVector) {
  for (const Vector& vector : vectors()) {
    EXPECT_EQ(parse({vector.wire}), vector.events) << vector.wire;
  }
}

TEST(SseParser, EverySplitGivesTheSameEvents) {
  for (const Vector& vector : vectors()) {
    for (std::size_t a = 0; a <= vector.wire.size(); ++a) {
      for (std::size_t b = a; b <= vector.wire.size(); ++b) {
        ASSERT_EQ(
            parse({vector.wire.substr(0, a), vector.wire.substr(a, b - a), vector.wire.substr(b)}),
            vector.events)
            << vector.wire << " cut at " << a << " and " << b;
      }
    }
  }
}

TEST(SseParser, DispatchesAtABareCrWithoutWaitingForTheNextOctet) {
  Log log;
  Parser parser(&log);
  parser.feed(as_bytes("data: 1\r\r"));
  EXPECT_EQ(log.lines, Lines{"message|1"});
}

// threat-model 65
TEST(SseParser, DropsTheDataOfAnEventAboveTheLimitAndGoesOn) {
  const std::string big(100, 'x');
  const Lines expected{"message||too_large", "message|1"};
  const std::string wire = "data: " + big + "\ndata: y\n\ndata: 1\n\n";
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    ASSERT_EQ(parse({wire.substr(0, cut), wire.substr(cut)}, 64), expected) << cut;
  }
}

// threat-model 65
TEST(SseParser, AppliesTheLimitToManySmallLinesToo) {
  std::string wire;
  for (int i = 0; i < 50; ++i) {
    wire += "data: abc\n";
  }
  EXPECT_EQ(parse({wire + "\ndata: 1\n\n"}, 64), (Lines{"message||too_large", "message|1"}));
}

TEST(SseParser, KeepsNoMoreOrphansThanTheLimit) {
  std::string wire;
  for (int i = 0; i < 2000; ++i) {
    wire += std::string(100, 'o') + "\n";
  }
  const Lines lines = parse({wire + "\n"});
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_LE(lines[0].size(), kMaxOrphanBytes + 16);
}

TEST(SseParser, MutatedStreamsGiveTheSameEventsForAnySplit) {
  std::mt19937 random(7);  // fixed seed: a failure repeats
  const std::string alphabet = "data: \r\n\n\nevent:id\xEF\xBB\xBF{}x";
  for (int round = 0; round < 3000; ++round) {
    std::string wire;
    for (std::size_t n = random() % 60; n > 0; --n) {
      wire += random() % 4 == 0 ? "data: "s : std::string(1, alphabet[random() % alphabet.size()]);
    }
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < wire.size();) {
      const std::size_t n = 1 + random() % 5;
      pieces.push_back(wire.substr(at, n));
      at += n;
    }
    ASSERT_EQ(parse(pieces, 40), parse({wire}, 40)) << testing::PrintToString(wire);
  }
}

}  // namespace
}  // namespace agp::sse
