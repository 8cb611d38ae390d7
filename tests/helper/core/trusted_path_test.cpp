#include "helper/core/trusted_path.h"

#include "helper/core/errc.h"

#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

namespace agp::core {
namespace {

std::vector<PathPart> good() {
  return {{"/", 0, S_IFDIR | 0755}, {"/opt", 0, S_IFDIR | 0755}, {"/opt/ls", 0, S_IFREG | 0755}};
}

TEST(TrustedPath, AcceptsRootsOwnProgram) {
  EXPECT_TRUE(judge_program(good()));
}

// threat-model 20
TEST(TrustedPath, RefusesAnyPartThatOthersCanChange) {
  for (std::size_t i = 0; i < 3; ++i) {
    for (const mode_t bit : {S_IWGRP, S_IWOTH}) {
      auto parts = good();
      parts[i].mode |= bit;
      EXPECT_EQ(judge_program(parts).error().code, Errc::no_binary) << i;
    }
    auto parts = good();
    parts[i].owner = 1000;
    EXPECT_FALSE(judge_program(parts)) << i;
    parts = good();
    parts[i].mode = S_IFLNK | 0777;
    EXPECT_FALSE(judge_program(parts)) << i;
  }
}

// threat-model 20
TEST(TrustedPath, RefusesWhatIsNotAProgram) {
  auto parts = good();
  parts[2].mode = S_IFDIR | 0755;
  EXPECT_FALSE(judge_program(parts));
  parts[2].mode = S_IFREG | 0644;
  EXPECT_FALSE(judge_program(parts));
  EXPECT_TRUE(judge_configuration(parts));
  parts[2].mode = S_IFREG | 0664;
  EXPECT_EQ(judge_configuration(parts).error().code, Errc::configuration);
}

TEST(TrustedPath, AShippedFileBelongsToOneOwnerAllTheWay) {
  auto parts = good();
  parts[2].mode = S_IFREG | 0644;
  EXPECT_TRUE(judge_shipped_file(parts));
  EXPECT_FALSE(judge_shipped_file(parts, 1000));
  for (const mode_t mode : {S_IFREG | 0664, S_IFREG | 0646, S_IFLNK | 0777, S_IFDIR | 0755,
                            S_IFREG | S_ISUID | 0755, S_IFIFO | 0644}) {
    parts[2].mode = static_cast<mode_t>(mode);
    EXPECT_EQ(judge_shipped_file(parts).error().code, Errc::file) << mode;
  }
}

}  // namespace
}  // namespace agp::core
