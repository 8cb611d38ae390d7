#include "tests/daemon/coding/support.h"

#include <random>

namespace agp::coding {
namespace {

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
      {"gzip, br", pack_br(pack(kText, kGzip))},
      {"br,gzip", pack(pack_br(kText), kGzip)},
      {" \tZstd ,, identity,X-GZIP,", pack(pack_zstd(kText), kGzip)},
      {"deflate, br, zstd, gzip", pack(pack_zstd(pack_br(pack(kText, kZlib))), kGzip)},
  };
  for (const auto& c : cases) {
    for (std::size_t cut = 0; cut <= c.wire.size(); ++cut) {
      ASSERT_EQ(decode(c.coding, c.wire, cut), (Decoded{kText, Status::good})) << c.coding << cut;
    }
  }
}

TEST(Decoder, AnEmptyBodyIsGoodWhateverItsCoding) {
  EXPECT_EQ(decode("gzip", ""), (Decoded{"", Status::good}));
}

TEST(Decoder, SaysThatItDoesNotKnowACoding) {
  for (const char* coding : {"compress", "xz", "brotli", "gzip;q=1", "gzip, aes128gcm", "dcz, gzip",
                             "gzip, gzip, gzip, gzip, gzip"}) {
    EXPECT_EQ(decode(coding, pack(kText, kGzip)), (Decoded{"", Status::unknown})) << coding;
  }
}

TEST(Decoder, UndoesCodingsFromTheRight) {
  const std::string wire = pack_br(pack(kText, kGzip));
  EXPECT_EQ(decode("gzip, br", wire), (Decoded{kText, Status::good}));
  EXPECT_EQ(decode("br, gzip", wire).status, Status::broken);
}

TEST(Decoder, ACutInnerStreamIsTruncatedToo) {
  const std::string inner = pack(kText, kGzip);
  const Decoded got = decode("gzip, br", pack_br(inner.substr(0, inner.size() - 9)));
  EXPECT_EQ(got.status, Status::truncated);
  EXPECT_TRUE(kText.starts_with(got.text));
}

// threat-model 64
TEST(Decoder, ABombBetweenTwoCodingsIsStoppedToo) {
  // The inner stream ends at once: nothing of the outer one's gigabytes would ever come out.
  std::string wire = pack("x", kGzip);
  wire.append(64 << 20, '\0');
  Budget budget;
  budget.ratio_grace = 64 * 1024;
  EXPECT_EQ(decode("gzip, zstd", pack_zstd(wire), 0, budget), (Decoded{"x", Status::too_large}));
}

TEST(Decoder, GivesBackOctetsThatOnlyLookLikeAMagicNumber) {
  EXPECT_EQ(decode("", "\x1Fok", 1), (Decoded{"\x1Fok", Status::good}));
  EXPECT_EQ(decode("", "\x28\xB5ok", 1), (Decoded{"\x28\xB5ok", Status::good}));
}

TEST(Decoder, ABodyCutInsideItsMagicNumberIsTruncated) {
  for (const std::string& wire : {pack(kText, kGzip).substr(0, 1), pack_zstd(kText).substr(0, 1),
                                  pack_zstd(kText).substr(0, 3)}) {
    EXPECT_EQ(decode("", wire), (Decoded{"", Status::truncated}));
  }
}

// threat-model 64
TEST(Decoder, StopsAtTheTotalBudget) {
  Budget budget;
  budget.max_decoded = 100;
  const Decoded got = decode("gzip", pack(std::string(1000, 'a'), kGzip), 0, budget);
  EXPECT_EQ(got.status, Status::too_large);
  EXPECT_EQ(got.text.size(), 100u);
}

TEST(Decoder, MutatedInputNeverCrashesAndNeverGrowsPastItsBudget) {
  std::mt19937 random(11);
  const std::string seeds[] = {pack(kText, kGzip), pack(kText, kZlib), pack(kText, kRaw),
                               pack_br(kText), pack_zstd(kText)};
  const std::string_view codings[] = {"gzip", "deflate", "", "deflate, gzip", "br", "zstd"};
  Budget budget;
  budget.max_decoded = 4096;
  for (int round = 0; round < 3000; ++round) {
    std::string wire = seeds[random() % 5];
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      wire[random() % wire.size()] = static_cast<char>(random());
    }
    EXPECT_LE(decode(codings[random() % 6], wire, random() % wire.size(), budget).text.size(),
              4096u);
  }
}

}  // namespace
}  // namespace agp::coding
