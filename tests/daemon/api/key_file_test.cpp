#include "daemon/api/key_file.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::api {
namespace {

namespace fs = std::filesystem;

const std::string kKey = "agp_0123456789abcdef0123456789abcdef";
const std::string kLine = "sha256:3bdc3c24c51afdf4c81f48060c619bdf06d2a764c9a2631bcd688c0ded5a8797";

class KeyFileTest : public ::testing::Test {
 protected:
  KeyFileTest() {
    std::string name = ::testing::TempDir() + "agp-keys-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    path_ = name + "/keys";
  }
  ~KeyFileTest() override { fs::remove_all(folder_); }
  // As an editor does it: another file takes the place.
  void write(const std::string& text, ::mode_t mode = 0640) const {
    std::ofstream(path_ + ".new") << text;
    ASSERT_EQ(::chmod((path_ + ".new").c_str(), mode), 0);
    fs::rename(path_ + ".new", path_);
  }

  fs::path folder_;
  std::string path_;
};

// threat-model 76
TEST_F(KeyFileTest, AChangeHoldsForTheNextRequest) {
  write(kLine + " 7\n");
  KeyFile keys(path_, ::geteuid());
  EXPECT_EQ(keys.uid_of(kKey), 7U);
  write(kLine + " 8\n");
  EXPECT_EQ(keys.uid_of(kKey), 8U);
  write("");
  EXPECT_FALSE(keys.uid_of(kKey));
  EXPECT_FALSE(keys.fault());
}

// threat-model 76
TEST_F(KeyFileTest, AFileThatOthersMayWriteHasNoKeys) {
  for (const ::mode_t mode : {0660U, 0646U}) {
    write(kLine + " 7\n", mode);
    KeyFile keys(path_, ::geteuid());
    EXPECT_FALSE(keys.uid_of(kKey));
    EXPECT_TRUE(keys.fault());
  }
  write(kLine + " 7\n");
  KeyFile keys(path_, ::geteuid() + 1);
  EXPECT_FALSE(keys.uid_of(kKey));
  EXPECT_TRUE(keys.fault());
}

TEST_F(KeyFileTest, AFaultTakesAllKeysAndItsEndBringsThemBack) {
  write(kLine + " 7\n");
  KeyFile keys(path_, ::geteuid());
  EXPECT_EQ(keys.uid_of(kKey), 7U);
  write(kLine + " 7\nnonsense\n");
  EXPECT_FALSE(keys.uid_of(kKey));
  ASSERT_TRUE(keys.fault());
  EXPECT_NE(keys.fault()->context.find("line 2"), std::string::npos);
  write(kLine + " 7\n");
  EXPECT_EQ(keys.uid_of(kKey), 7U);
}

TEST_F(KeyFileTest, WhatIsNoFileHasNoKeys) {
  KeyFile missing(path_, ::geteuid());
  EXPECT_FALSE(missing.uid_of(kKey));
  EXPECT_TRUE(missing.fault());
  write(kLine + " 7\n");
  fs::create_symlink(path_, path_ + ".link");
  KeyFile link(path_ + ".link", ::geteuid());
  EXPECT_FALSE(link.uid_of(kKey));
  KeyFile folder(folder_.string(), ::geteuid());
  EXPECT_FALSE(folder.uid_of(kKey));
  KeyFile none("", ::geteuid());
  EXPECT_FALSE(none.uid_of(kKey));
  EXPECT_FALSE(none.fault());
}

}  // namespace
}  // namespace agp::api
