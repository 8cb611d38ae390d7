#include "cli/language_server_file.h"

#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

namespace agp::cli {
namespace {

constexpr std::size_t kBlock = 1024 * 1024;

LanguageServerFile inspect(const std::string& content) {
  std::string path = "/tmp/agp-ls-file-XXXXXX";
  ::close(::mkstemp(path.data()));
  std::ofstream(path, std::ios::binary) << content;
  auto seen = inspect_language_server(path, {"csrf_token", "https_server_port"});
  ::unlink(path.c_str());
  return seen;
}

TEST(LanguageServerFile, KnowsGoAndItsFlags) {
  const auto go = inspect(
      "\x7f"
      "ELF..\xff Go buildinf:....csrf_token");
  EXPECT_TRUE(go.is_readable);
  EXPECT_TRUE(go.is_go);
  EXPECT_EQ(go.flags, std::vector<std::string>{"csrf_token"});
  const auto script = inspect("#!/bin/sh\n");
  EXPECT_TRUE(script.is_readable);
  EXPECT_FALSE(script.is_go);
  EXPECT_FALSE(inspect_language_server("/nonexistent", {}).is_readable);
}

TEST(LanguageServerFile, SeesWhatLiesAcrossBlocks) {
  const std::string mark = "\xff Go buildinf:";
  for (std::size_t back = 0; back <= mark.size(); ++back) {
    EXPECT_TRUE(inspect(std::string(kBlock - back, 'x') + mark).is_go) << back;
  }
}

}  // namespace
}  // namespace agp::cli
