#include "daemon/ledger/spool.h"

#include "daemon/ledger/crc32c.h"
#include "daemon/ledger/ledger.h"
#include "tests/daemon/ledger/support.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::ledger {
namespace {

constexpr std::uint64_t kCapacity = 4096;
constexpr std::uint64_t kHeader = 4096;

class LedgerSpool : public ::testing::Test {
 protected:
  void open(std::uint64_t capacity = kCapacity) {
    spool_.reset();
    auto opened = Spool::open({file_, capacity});
    ASSERT_TRUE(opened) << opened.error().text();
    spool_ = std::move(*opened);
  }
  std::vector<std::string> left() {
    std::vector<std::string> out;
    for (const auto& entry : spool_->take_left()) {
      out.emplace_back(as_text(entry.octets));
    }
    return out;
  }
  Spool::Place put(std::string_view text) { return spool_->put(as_bytes(text)).value_or(0); }
  // Changes the file as a crash of the machine might.
  void overwrite(std::uint64_t at, std::string_view octets) {
    std::fstream out(file_, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(at));
    out.write(octets.data(), static_cast<std::streamsize>(octets.size()));
  }

  test::TempDir dir_;
  std::string file_ = dir_.file("spool");
  std::unique_ptr<Spool> spool_;
};

TEST(Crc32c, MatchesThePublishedVectors) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U);
  const Buffer zeros(32, 0);
  EXPECT_EQ(crc32c(zeros), 0x8A9136AAU);
  EXPECT_EQ(crc32c(as_bytes("6789"), crc32c(as_bytes("12345"))), 0xE3069283U);
}

TEST_F(LedgerSpool, IsMadeForItsOwnerAloneAndWholeOnTheDisk) {
  open();
  struct stat st {};
  ASSERT_EQ(::stat(file_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0600U);
  EXPECT_EQ(static_cast<std::uint64_t>(st.st_size), kHeader + kCapacity);
  EXPECT_GE(static_cast<std::uint64_t>(st.st_blocks) * 512, kHeader + kCapacity);
}

TEST_F(LedgerSpool, HandsOutWhatWasNotReleased) {
  open();
  const auto first = put("one");
  (void)put("");
  (void)put("three");
  spool_->release(first, 1);
  open();
  EXPECT_EQ(left(), (std::vector<std::string>{"", "three"}));
  EXPECT_EQ(spool_->lost_before(), 0U);
  open();
  EXPECT_EQ(left(), (std::vector<std::string>{"", "three"})) << "until it is released";
}

TEST_F(LedgerSpool, IsEmptyWhenAllIsReleased) {
  open();
  spool_->release(put("one"), 1);
  open();
  EXPECT_TRUE(left().empty());
}

TEST_F(LedgerSpool, GoesRoundAndRoundAtEverySize) {
  for (std::size_t size = 0; size < 700; size += 37) {
    open();
    std::vector<std::string> expected;
    for (int i = 0; i < 40; ++i) {
      const auto older = put(std::string(size, 'a'));
      ASSERT_NE(older, 0U);
      spool_->release(older - 1, 0);  // an unaligned place releases nothing by mistake
      const auto text = std::string(size, static_cast<char>('a' + i % 26));
      const auto newer = put(text);
      ASSERT_NE(newer, 0U);
      spool_->release(older, 1);
      open();
      ASSERT_EQ(left(), (std::vector<std::string>{text})) << size << " " << i;
      spool_->release(newer, 1);
    }
  }
}

TEST_F(LedgerSpool, TakesNothingMoreWhenItIsFullAndLosesNothing) {
  open();
  std::size_t count = 0;
  Spool::Place first = 0;
  for (auto place = put("0123456789"); place != 0; place = put("0123456789")) {
    first = first == 0 ? place : first;
    ++count;
  }
  EXPECT_EQ(count, kCapacity / 32);
  open();
  EXPECT_EQ(left().size(), count);
  spool_->release(first, 1);
  EXPECT_NE(put("0123456789"), 0U) << "there is room again";
  EXPECT_EQ(put("0123456789"), 0U);
}

TEST_F(LedgerSpool, RefusesAnEntryThatNeverFits) {
  open();
  EXPECT_EQ(put(std::string(kCapacity, 'x')), 0U);
  EXPECT_NE(put(std::string(kCapacity - 16, 'x')), 0U);
}

TEST_F(LedgerSpool, CountsADamagedEntryAndKeepsTheOthers) {
  open();
  (void)put("first.........");
  (void)put("second........");
  (void)put("third.........");
  spool_.reset();
  overwrite(kHeader + 32 + 16, "X");
  open();
  EXPECT_EQ(left(), (std::vector<std::string>{"first.........", "third........."}));
  EXPECT_EQ(spool_->lost_before(), 1U);
  EXPECT_EQ(spool_->lost(), 1U);
}

TEST_F(LedgerSpool, CountsAllWhenNoEntryIsWhole) {
  open();
  for (int i = 0; i < 5; ++i) {
    (void)put("entry");
  }
  spool_.reset();
  overwrite(kHeader, std::string(kCapacity, '\0'));
  open();
  EXPECT_TRUE(left().empty());
  EXPECT_EQ(spool_->lost_before(), 5U);
  open();
  EXPECT_EQ(spool_->lost_before(), 0U) << "once";
  EXPECT_EQ(spool_->lost(), 5U);
  EXPECT_NE(put("more"), 0U);
}

TEST_F(LedgerSpool, SurvivesAnyDamagedOctetOfItsHeader) {
  for (std::uint64_t at = 0; at < 72; ++at) {
    std::filesystem::remove(file_);
    open();
    (void)put("entry");
    spool_.reset();
    overwrite(at, "\x55");
    auto opened = Spool::open({file_, kCapacity});
    ASSERT_TRUE(opened) << at << " " << opened.error().text();
    EXPECT_TRUE((*opened)->put(as_bytes("more")));
  }
}

TEST_F(LedgerSpool, PutsAsideWhatIsNoSpoolOfThisVersion) {
  std::ofstream(file_) << "something else";
  open();
  EXPECT_NE(put("entry"), 0U);
  std::string kept;
  std::getline(std::ifstream(file_ + ".unreadable"), kept);
  EXPECT_EQ(kept, "something else");
  spool_.reset();
  std::ofstream(file_) << "and another";
  open();
  std::getline(std::ifstream(file_ + ".unreadable-2"), kept);
  EXPECT_EQ(kept, "and another");
}

TEST_F(LedgerSpool, BelongsToOneProcessAtATime) {
  open();
  auto second = Spool::open({file_, kCapacity});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::locked);
}

TEST_F(LedgerSpool, SaysWhenTheDiskHasNoRoomForIt) {
  auto opened = Spool::open({file_, std::uint64_t{1} << 60});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::full);
  EXPECT_FALSE(std::filesystem::exists(file_));
  EXPECT_FALSE(std::filesystem::exists(file_ + ".new"));
}

TEST_F(LedgerSpool, CountsWhatAKilledProcessHeldUnprotected) {
  open();
  spool_->set_unprotected(3);
  spool_->count_lost(2);
  open();
  EXPECT_EQ(spool_->lost_before(), 3U);
  EXPECT_EQ(spool_->lost(), 5U);
  open();
  EXPECT_EQ(spool_->lost_before(), 0U);
}

TEST_F(LedgerSpool, AFaultOfTheDiskIsAValueAndEndsNothing) {
  open();
  ASSERT_NE(put("entry"), 0U);
  ASSERT_EQ(::truncate(file_.c_str(), 0), 0);
  EXPECT_EQ(put("entry"), 0U);
  EXPECT_FALSE(spool_->is_working());
  spool_->count_lost(1);
  EXPECT_EQ(put("entry"), 0U);
}

TEST_F(LedgerSpool, NoticesThatItsFileWasMovedAway) {
  open();
  EXPECT_FALSE(spool_->has_moved());
  std::filesystem::rename(file_, file_ + ".elsewhere");
  EXPECT_TRUE(spool_->has_moved());
}

}  // namespace
}  // namespace agp::ledger
