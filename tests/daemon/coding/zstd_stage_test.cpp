#include "tests/daemon/coding/support.h"

namespace agp::coding {
namespace {

const std::string kSkippable("\x53\x2A\x4D\x18\x03\x00\x00\x00xyz", 11);

TEST(Zstd, EverySplitGivesTheText) {
  const std::string wire = pack_zstd(kText);
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    ASSERT_EQ(decode("zstd", wire, cut), (Decoded{kText, Status::good})) << cut;
    ASSERT_EQ(decode("", wire, cut), (Decoded{kText, Status::good})) << cut;
  }
}

TEST(Zstd, ReadsFrameAfterFrameAndSkipsWhatIsSkippable) {
  const std::string wire =
      kSkippable + pack_zstd("one ") + kSkippable + pack_zstd("") + pack_zstd("two");
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    ASSERT_EQ(decode("zstd", wire, cut), (Decoded{"one two", Status::good})) << cut;
  }
}

TEST(Zstd, HandsOnWhatWasFlushedAtOnce) {
  Text out;
  Decoder decoder("zstd");
  decoder.feed(as_bytes(pack_zstd("data: 1\n\n", ZSTD_e_flush)), &out);
  EXPECT_EQ(out.text, "data: 1\n\n");
  EXPECT_EQ(decoder.finish(), Status::truncated);
}

TEST(Zstd, CutStreamsAreTruncatedAndKeepTheirStart) {
  const std::string wire = pack_zstd(kText);
  for (std::size_t n = 1; n < wire.size(); ++n) {
    const Decoded got = decode("zstd", wire.substr(0, n));
    EXPECT_EQ(got.status, Status::truncated) << n;
    EXPECT_TRUE(kText.starts_with(got.text)) << n;
  }
}

TEST(Zstd, IgnoresWhatFollowsTheLastFrame) {
  for (const std::string& rest : {std::string("padding"), std::string("\x28\xB5\x2FX", 4),
                                  std::string(9, '\0'), std::string("\x51\x2AX", 3)}) {
    const std::string wire = pack_zstd(kText) + rest;
    for (std::size_t cut = wire.size() - rest.size(); cut <= wire.size(); ++cut) {
      ASSERT_EQ(decode("zstd", wire, cut), (Decoded{kText, Status::good})) << cut;
    }
  }
  EXPECT_EQ(decode("zstd", pack_zstd(kText) + "\x28\xB5"), (Decoded{kText, Status::truncated}));
}

TEST(Zstd, CorruptInputIsBroken) {
  EXPECT_EQ(decode("zstd", "not zstd").status, Status::broken);
  std::string wire = pack_zstd(kText);
  wire.back() = static_cast<char>(wire.back() ^ 1);  // the checksum
  EXPECT_EQ(decode("zstd", wire).status, Status::broken);
}

TEST(Zstd, RefusesAWindowAboveTheStandardsLimit) {
  const std::string text(100, 'x');
  EXPECT_EQ(decode("zstd", pack_zstd(text, ZSTD_e_end, kMaxZstdWindowLog)),
            (Decoded{text, Status::good}));
  EXPECT_EQ(decode("zstd", pack_zstd(text, ZSTD_e_end, kMaxZstdWindowLog + 1)),
            (Decoded{"", Status::too_large}));
}

// threat-model 64
TEST(Zstd, StopsAtTheMemoryBudget) {
  const std::string text(100, 'x');
  Budget budget;
  budget.max_memory = 1 << 20;
  EXPECT_EQ(decode("zstd", pack_zstd(text, ZSTD_e_end, 22), 0, budget),
            (Decoded{"", Status::too_large}));
  EXPECT_EQ(decode("zstd", pack_zstd(text, ZSTD_e_end, 17), 0, budget),
            (Decoded{text, Status::good}));
}

// threat-model 64
TEST(Zstd, StopsABombAtTheRatio) {
  const std::string wire = pack_zstd(std::string(64 << 20, 'a'));
  Budget budget;
  budget.ratio_grace = 64 * 1024;
  const Decoded got = decode("zstd", wire, 0, budget);
  EXPECT_EQ(got.status, Status::too_large);
  EXPECT_LE(got.text.size(), std::max<std::size_t>(64 * 1024, wire.size() * kMaxRatio));
}

TEST(Zstd, ADamagedFrameIsBrokenHoweverItArrives) {
  // Behind the magic number of a frame stands what looks like a whole skippable frame. libzstd
  // takes that for the frame when both come in two calls, the first of which ends with the magic
  // number.
  const std::string skippable("\x53\x2A\x4D\x18\x03\x00\x00\x00xyz", 11);
  const std::string wire = skippable + std::string("\x28\xB5\x2F\xFD", 4) + skippable;
  const Decoded broken{"", Status::broken};
  EXPECT_EQ(decode("zstd", wire), broken);
  for (std::size_t cut = 1; cut < wire.size(); ++cut) {
    EXPECT_EQ(decode("zstd", wire, cut), broken) << cut;
  }
}

}  // namespace
}  // namespace agp::coding
