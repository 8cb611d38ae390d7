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
  EXPECT_EQ(decoder.finish(), Status::truncated);
}

// threat-model 64
TEST(Inflate, CutStreamsAreTruncatedAndKeepTheirStart) {
  const std::string wire = pack(kText, kGzip);
  for (std::size_t n = 1; n < wire.size(); ++n) {
    const Decoded got = decode("gzip", wire.substr(0, n));
    EXPECT_EQ(got.status, Status::truncated) << n;
    EXPECT_TRUE(kText.starts_with(got.text)) << n;
  }
}

// threat-model 64
TEST(Inflate, CorruptInputIsBrokenAndSilent) {
  EXPECT_EQ(decode("gzip", "not gzip at all").status, Status::broken);
  EXPECT_EQ(decode("deflate", "\xFF\xFF\xFF").status, Status::broken);
}

// threat-model 64
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

TEST(Inflate, ReadsEveryFieldOfAGzipHeadAtEverySplit) {
  // Flags: checksum, extra field, name, comment. What follows the head says "hello hello".
  const std::string head(
      "\x1F\x8B\x08\x1E\x00\x00\x00\x00\x00\xFF\x02\x00\x78\x79\x6E\x61\x6D\x65\x00\x63\x6F\x6D\x6D"
      "\x65\x6E\x74\x00",
      27);
  const std::string checksum("\xC2\x74", 2);
  const std::string rest("\xCB\x48\xCD\xC9\xC9\x57\xC8\x00\x91\x00\x40\xA6\x2D\x01\x0B\x00\x00\x00",
                         18);
  const std::string wire = head + checksum + rest;
  const std::string wrong = head + std::string(2, 'x') + rest;
  std::string reserved = wire;
  reserved[3] = static_cast<char>(reserved[3] | 0x80);
  std::string other_method = wire;
  other_method[2] = 7;
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    EXPECT_EQ(decode("gzip", wire, cut), (Decoded{"hello hello", Status::good})) << cut;
    EXPECT_EQ(decode("gzip", wrong, cut), (Decoded{"", Status::broken})) << cut;
    EXPECT_EQ(decode("gzip", reserved, cut), (Decoded{"", Status::broken})) << cut;
    EXPECT_EQ(decode("gzip", other_method, cut), (Decoded{"", Status::broken})) << cut;
  }
  for (std::size_t size = 1; size < head.size() + 2; ++size) {
    EXPECT_EQ(decode("gzip", wire.substr(0, size)), (Decoded{"", Status::truncated})) << size;
  }
}

}  // namespace
}  // namespace agp::coding
