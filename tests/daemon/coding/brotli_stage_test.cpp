#include "tests/daemon/coding/support.h"

namespace agp::coding {
namespace {

TEST(Brotli, EverySplitGivesTheText) {
  const std::string wire = pack_br(kText);
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    ASSERT_EQ(decode("br", wire, cut), (Decoded{kText, Status::good})) << cut;
  }
}

TEST(Brotli, HandsOnWhatWasFlushedAtOnce) {
  Text out;
  Decoder decoder("br");
  decoder.feed(as_bytes(pack_br("data: 1\n\n", BROTLI_OPERATION_FLUSH)), &out);
  EXPECT_EQ(out.text, "data: 1\n\n");
  EXPECT_EQ(decoder.finish(), Status::truncated);
}

// threat-model 64
TEST(Brotli, CutStreamsAreTruncatedAndKeepTheirStart) {
  const std::string wire = pack_br(kText);
  for (std::size_t n = 1; n < wire.size(); ++n) {
    const Decoded got = decode("br", wire.substr(0, n));
    EXPECT_EQ(got.status, Status::truncated) << n;
    EXPECT_TRUE(kText.starts_with(got.text)) << n;
  }
}

TEST(Brotli, IgnoresWhatFollowsTheLastBlock) {
  EXPECT_EQ(decode("br", pack_br(kText) + "padding"), (Decoded{kText, Status::good}));
}

TEST(Brotli, CorruptInputIsBroken) {
  EXPECT_EQ(decode("br", "\xFF\xFF\xFF\xFF\xFF\xFF").status, Status::broken);
}

TEST(Brotli, TakesTheLargestWindowOfTheStandard) {
  std::string text;
  for (int i = 0; i < 40'000; ++i) {
    text += std::to_string(i * 7919);
  }
  EXPECT_EQ(decode("br", pack_br(text, BROTLI_OPERATION_FINISH, 24)),
            (Decoded{text, Status::good}));
}

// threat-model 64
TEST(Brotli, StopsAtTheMemoryBudget) {
  std::string text(4 << 20, 'x');
  for (std::size_t i = 0; i < text.size(); i += 3) {
    text[i] = static_cast<char>('a' + i * 31 % 97 % 26);
  }
  const std::string wire = pack_br(text, BROTLI_OPERATION_FINISH, 22);
  Budget budget;
  budget.max_memory = 256 * 1024;
  EXPECT_EQ(decode("br", wire, 0, budget).status, Status::too_large);
  EXPECT_EQ(decode("br", wire).status, Status::good);
}

TEST(Brotli, TheCodingsOfAChainShareTheMemory) {
  std::string text(1 << 20, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) {
    text[i] = static_cast<char>('a' + i * i % 8191 % 26);
  }
  const std::string wire =
      pack_br(pack_br(text, BROTLI_OPERATION_FINISH, 24), BROTLI_OPERATION_FINISH, 24);
  Budget budget;
  budget.max_memory = 600 * 1024;
  EXPECT_EQ(decode("br, br", wire, 0, budget).status, Status::too_large);
  EXPECT_EQ(decode("br, br", wire), (Decoded{text, Status::good}));
}

// threat-model 64
TEST(Brotli, StopsABombAtTheRatio) {
  const std::string wire = pack_br(std::string(64 << 20, 'a'));
  Budget budget;
  budget.ratio_grace = 64 * 1024;
  const Decoded got = decode("br", wire, 0, budget);
  EXPECT_EQ(got.status, Status::too_large);
  EXPECT_LE(got.text.size(), std::max<std::size_t>(64 * 1024, wire.size() * kMaxRatio));
}

}  // namespace
}  // namespace agp::coding
