#include "helper/os/trusted_file.h"

#include "helper/core/errc.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

namespace agp::os {
namespace {

namespace fs = std::filesystem;

class TrustedFile : public ::testing::Test {
 protected:
  TrustedFile() {
    std::string name = ::testing::TempDir() + "agp-trusted-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    parent_ = fs::canonical(name);
    fs::create_directories(parent_ / "real" / "inner");
    fs::create_directory_symlink(parent_ / "real", parent_ / "link");
  }
  ~TrustedFile() override { fs::remove_all(parent_); }
  fs::path parent_;
};

// threat-model 41
TEST_F(TrustedFile, NoComponentOfADirectoryMayBeALink) {
  EXPECT_TRUE(open_directory(parent_ / "real" / "inner"));
  EXPECT_FALSE(open_directory(parent_ / "link" / "inner"));
  EXPECT_FALSE(open_directory(parent_ / "link"));
  ASSERT_EQ(::mkfifo((parent_ / "fifo").c_str(), 0600), 0);
  EXPECT_FALSE(open_directory(parent_ / "fifo"));
}

TEST_F(TrustedFile, APathIsAbsoluteAndPlain) {
  const auto real = (parent_ / "real").string();
  for (const auto& odd : {std::string(), std::string("real"), real + "//inner", real + "/./inner",
                          real + "/inner/..", "/.." + real}) {
    const auto opened = open_directory(odd);
    ASSERT_FALSE(opened) << odd;
    EXPECT_EQ(opened.error().code, core::Errc::file) << odd;
    EXPECT_FALSE(path_parts(odd)) << odd;
  }
}

// threat-model 41
TEST_F(TrustedFile, ALinkIsLookedAtAndNotThrough) {
  const auto parts = path_parts(parent_ / "link" / "inner");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->back().path, parent_ / "link") << "nothing behind it is looked at";
  EXPECT_TRUE(S_ISLNK(parts->back().mode));
  EXPECT_EQ(parts->front().path, "/");
  const auto missing = path_parts(parent_ / "real" / "missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, boost::system::errc::no_such_file_or_directory);
}

TEST_F(TrustedFile, IsReadUpToALimit) {
  const auto path = parent_ / "file";
  std::ofstream(path) << std::string(100'000, 'x');
  const UniqueFd first(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto whole = read_all(first.get(), 100'000);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->size(), 100'000U);
  const UniqueFd again(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(read_all(again.get(), 99'999));
}

}  // namespace
}  // namespace agp::os
