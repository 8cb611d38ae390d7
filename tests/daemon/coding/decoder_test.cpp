#include "daemon/coding/decoder.h"

#include <random>
#include <string>

#include <gtest/gtest.h>
#include <zlib.h>

namespace agp::coding {
namespace {

class Text final : public Sink {
 public:
  void on_decoded(Bytes bytes) override { text += as_text(bytes); }
  std::string text;
};

constexpr int kGzip = 16 + MAX_WBITS;
constexpr int kZlib = MAX_WBITS;
constexpr int kRaw = -MAX_WBITS;

std::string pack(const std::string& text, int window_bits, int flush = Z_FINISH) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(::deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  (void)::deflate(&stream, flush);
  out.resize(out.size() - stream.avail_out);
  (void)::deflateEnd(&stream);
  return out;
}

struct Decoded {
  std::string text;
  Status status;
  friend bool operator==(const Decoded&, const Decoded&) = default;
};

void PrintTo(const Decoded& decoded, std::ostream* out) {
  *out << decoded.text.size() << " octets, status " << static_cast<int>(decoded.status);
}

Decoded decode(std::string_view coding,
               std::string_view wire,
               std::size_t cut = 0,
               Budget budget = {}) {
  Text out;
  Decoder decoder(coding, budget);
  decoder.feed(as_bytes(wire.substr(0, cut)), &out);
  decoder.feed(as_bytes(wire.substr(cut)), &out);
  const Status status = decoder.finish(&out);
  return {out.text, status};
}

const std::string kText = "data: {\"text\":\"caf\xC3\xA9\"}\n\ndata: {\"more\":[1,2,3]}\n\n";

TEST(Decoder, EverySplitOfEveryCodingGivesTheText) {
  const struct {
    std::string coding, wire;
  } cases[] = {
      {"", kText},
      {"identity", kText},
      {"gzip", pack(kText, kGzip)},
      {"GZIP", pack(kText, kGzip)},
      {"x-gzip", pack(kText, kGzip)},
      {"deflate", pack(kText, kZlib)},
      {"deflate", pack(kText, kRaw)},
      {"", pack(kText, kGzip)},
      {"identity, gzip", pack(kText, kGzip)},
      {"deflate, gzip", pack(pack(kText, kZlib), kGzip)},
      {"gzip, gzip", pack(pack(kText, kGzip), kGzip)},
  };
  for (const auto& c : cases) {
    for (std::size_t cut = 0; cut <= c.wire.size(); ++cut) {
      ASSERT_EQ(decode(c.coding, c.wire, cut), (Decoded{kText, Status::good})) << c.coding << cut;
    }
  }
}

TEST(Decoder, GoesOnBehindAGzipTrailer) {
  const std::string wire = pack("one ", kGzip) + pack("two ", kGzip) + pack("three", kGzip);
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    ASSERT_EQ(decode("gzip", wire, cut), (Decoded{"one two three", Status::good})) << cut;
  }
}

TEST(Decoder, IgnoresPaddingBehindTheLastMember) {
  EXPECT_EQ(decode("gzip", pack("x", kGzip) + std::string(10, '\0')), (Decoded{"x", Status::good}));
}

TEST(Decoder, HandsOnWhatWasFlushedAtOnce) {
  Text out;
  Decoder decoder("gzip");
  decoder.feed(as_bytes(pack("data: 1\n\n", kGzip, Z_SYNC_FLUSH)), &out);
  EXPECT_EQ(out.text, "data: 1\n\n");
  EXPECT_EQ(decoder.finish(&out), Status::truncated);
}

TEST(Decoder, CutStreamsAreTruncatedAndKeepTheirStart) {
  const std::string wire = pack(kText, kGzip);
  for (std::size_t n = 1; n < wire.size(); ++n) {
    const Decoded got = decode("gzip", wire.substr(0, n));
    EXPECT_EQ(got.status, Status::truncated) << n;
    EXPECT_TRUE(kText.starts_with(got.text)) << n;
  }
}

TEST(Decoder, AnEmptyBodyIsGoodWhateverItsCoding) {
  EXPECT_EQ(decode("gzip", ""), (Decoded{"", Status::good}));
}

TEST(Decoder, SaysThatItDoesNotKnowACoding) {
  EXPECT_EQ(decode("br", "whatever").status, Status::unknown);
  EXPECT_EQ(decode("gzip, zstd", "whatever").status, Status::unknown);
  EXPECT_EQ(decode("", "\x28\xB5\x2F\xFD rest", 2), (Decoded{"", Status::unknown}));
  EXPECT_EQ(decode("gzip, gzip, gzip, gzip, gzip", "x").status, Status::unknown);
}

TEST(Decoder, GivesBackOctetsThatOnlyLookLikeAMagicNumber) {
  EXPECT_EQ(decode("", "\x1F", 1), (Decoded{"\x1F", Status::good}));
  EXPECT_EQ(decode("", "\x28\xB5ok", 1), (Decoded{"\x28\xB5ok", Status::good}));
}

TEST(Decoder, CorruptInputIsBrokenAndSilent) {
  EXPECT_EQ(decode("gzip", "not gzip at all").status, Status::broken);
  EXPECT_EQ(decode("deflate", "\xFF\xFF\xFF").status, Status::broken);
}

TEST(Decoder, StopsABombAtTheRatio) {
  const std::string wire = pack(std::string(4 << 20, 'a'), kGzip);
  Budget budget;
  budget.ratio_grace = 64 * 1024;
  const Decoded got = decode("gzip", wire, 0, budget);
  EXPECT_EQ(got.status, Status::too_large);
  EXPECT_LE(got.text.size(), wire.size() * kMaxRatio + kPieceBytes);
}

TEST(Decoder, StopsAtTheTotalBudget) {
  Budget budget;
  budget.max_decoded = 100;
  const Decoded got = decode("gzip", pack(std::string(1000, 'a'), kGzip), 0, budget);
  EXPECT_EQ(got.status, Status::too_large);
  EXPECT_LE(got.text.size(), 100u);
}

TEST(Decoder, MutatedInputNeverCrashesAndNeverGrowsPastItsBudget) {
  std::mt19937 random(11);
  const std::string seeds[] = {pack(kText, kGzip), pack(kText, kZlib), pack(kText, kRaw)};
  const std::string_view codings[] = {"gzip", "deflate", "", "deflate, gzip"};
  Budget budget;
  budget.max_decoded = 4096;
  for (int round = 0; round < 3000; ++round) {
    std::string wire = seeds[random() % 3];
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      wire[random() % wire.size()] = static_cast<char>(random());
    }
    EXPECT_LE(decode(codings[random() % 4], wire, random() % wire.size(), budget).text.size(),
              4096u);
  }
}

}  // namespace
}  // namespace agp::coding
