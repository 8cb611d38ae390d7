#include "daemon/tls/keyed_digest.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace agp::tls {
namespace {

namespace fs = std::filesystem;

class KeyedDigestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/agp-key-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
  }
  void TearDown() override { fs::remove_all(directory_); }
  [[nodiscard]] std::string file() const { return directory_ / "some.key"; }

  fs::path directory_;
};

TEST_F(KeyedDigestTest, IsTheSameAfterARestart) {
  const auto first = KeyedDigest::open_or_create(file());
  ASSERT_TRUE(first);
  const auto digest = first->of("text");
  EXPECT_EQ(digest.size(), 64U);
  EXPECT_EQ(digest.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(digest, first->of("text "));
  const auto again = KeyedDigest::open_or_create(file());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->of("text"), digest);
  EXPECT_EQ(fs::status(file()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(KeyedDigestTest, AnotherKeyGivesAnotherDigest) {
  const auto one = KeyedDigest::open_or_create(file());
  const auto other = KeyedDigest::open_or_create(directory_ / "other.key");
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->of("text"), other->of("text"));
}

TEST_F(KeyedDigestTest, IsHmacSha256) {
  std::ofstream(file()) << std::string(32, '\x0b');
  fs::permissions(file(), fs::perms::owner_read | fs::perms::owner_write);
  const auto digest = KeyedDigest::open_or_create(file());
  ASSERT_TRUE(digest);
  EXPECT_EQ(digest->of("Hi There"),
            "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7");
}

TEST_F(KeyedDigestTest, RefusesAKeyThatOthersCanReadOrThatIsNone) {
  std::ofstream(file()) << std::string(32, 'x');
  fs::permissions(file(), fs::perms::owner_read | fs::perms::group_read);
  EXPECT_FALSE(KeyedDigest::open_or_create(file()));
  std::ofstream(file()) << "short";
  fs::permissions(file(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_FALSE(KeyedDigest::open_or_create(file()));
  EXPECT_FALSE(KeyedDigest::open_or_create(directory_));
  EXPECT_FALSE(KeyedDigest::open_or_create(directory_ / "nothing" / "some.key"));
}

}  // namespace
}  // namespace agp::tls
