#include "tests/daemon/coding/support.h"

namespace agp::coding {
namespace {

TEST(Inflate, GoesOnBehindAGzipTrailer) {
  const std::string wire = pack("one ", kGzip) + pack("two ", kGzip) + pack("three", kGzip);
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    ASSERT_EQ(decode("gzip", wire, cut), (Decoded{"one two three", Status::good})) << cut;
  }
}

TEST(Inflate, IgnoresWhatFollowsTheLastMember) {
  const std::string members = pack("one ", kGzip) + pack("two", kGzip);
  for (const std::string& rest : {std::string(10, '\0'), std::string("padding"),
                                  std::string("\x1F\x1F\x8B"), std::string("\x1F.")}) {
    const std::string wire = members + rest;
    for (std::size_t cut = members.size(); cut <= wire.size(); ++cut) {
      ASSERT_EQ(decode("gzip", wire, cut), (Decoded{"one two", Status::good})) << cut;
    }
  }
  EXPECT_EQ(decode("gzip", members + "\x1F"), (Decoded{"one two", Status::truncated}));
  EXPECT_EQ(decode("gzip", members + "\x1F\x8B\x09\x01"), (Decoded{"one two", Status::broken}));
}

TEST(Inflate, HandsOnWhatWasFlushedAtOnce) {
  Text out;
  Decoder decoder("gzip");
  decoder.feed(as_bytes(pack("data: 1\n\n", kGzip, Z_SYNC_FLUSH)), &out);
  EXPECT_EQ(out.text, "data: 1\n\n");
  EXPECT_EQ(decoder.finish(&out), Status::truncated);
}

TEST(Inflate, CutStreamsAreTruncatedAndKeepTheirStart) {
  const std::string wire = pack(kText, kGzip);
  for (std::size_t n = 1; n < wire.size(); ++n) {
    const Decoded got = decode("gzip", wire.substr(0, n));
    EXPECT_EQ(got.status, Status::truncated) << n;
    EXPECT_TRUE(kText.starts_with(got.text)) << n;
  }
}

TEST(Inflate, CorruptInputIsBrokenAndSilent) {
  EXPECT_EQ(decode("gzip", "not gzip at all").status, Status::broken);
  EXPECT_EQ(decode("deflate", "\xFF\xFF\xFF").status, Status::broken);
}

TEST(Inflate, StopsABombAtTheRatio) {
  const std::string wire = pack(std::string(4 << 20, 'a'), kGzip);
  Budget budget;
  budget.ratio_grace = 64 * 1024;
  const Decoded got = decode("gzip", wire, 0, budget);
  EXPECT_EQ(got.status, Status::too_large);
  EXPECT_LE(got.text.size(), wire.size() * kMaxRatio);
}

TEST(Inflate, AWrongChecksumIsBroken) {
  std::string wire = pack(kText, kGzip);
  wire[wire.size() - 6] = static_cast<char>(wire[wire.size() - 6] ^ 1);
  EXPECT_EQ(decode("gzip", wire).status, Status::broken);
  wire = pack(kText, kZlib);
  wire.back() = static_cast<char>(wire.back() ^ 1);
  EXPECT_EQ(decode("deflate", wire).status, Status::broken);
}

}  // namespace
}  // namespace agp::coding
