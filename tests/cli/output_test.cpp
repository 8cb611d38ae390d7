#include "cli/output.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

TEST(Output, AFailureIsAMessageAndAHint) {
  const auto output = failed({Exit::refused, "refused", "no", "ask root"}, false);
  EXPECT_EQ(output.exit, Exit::refused);
  EXPECT_EQ(output.out, "");
  EXPECT_EQ(output.err, "antigravity-proxy: no\nask root\n");
}

TEST(Output, AsJsonItIsOneDocument) {
  const auto output = failed({Exit::refused, "refused", "no", "ask root"}, true);
  EXPECT_EQ(output.out,
            "{\"error\":{\"code\":\"refused\",\"message\":\"no\",\"hint\":\"ask root\"}}\n");
  EXPECT_EQ(output.err, "");
}

TEST(Output, AWrongLineNamesWhatMayHaveBeenMeant) {
  EXPECT_EQ(wrong_line("unknown verb usgae", "", false, "usage").err,
            "antigravity-proxy: unknown verb usgae\n"
            "did you mean usage? see: antigravity-proxy --help\n");
  EXPECT_EQ(wrong_line("no", "ls", false).err,
            "antigravity-proxy: no\nsee: antigravity-proxy ls --help\n");
}

}  // namespace
}  // namespace agp::cli
