#include "helper/core/program_flags.h"

#include "tests/helper/core/help_texts.h"

#include <gtest/gtest.h>

namespace agp::core {
namespace {

TEST(ProgramFlags, ReadsTheHelpOfEachEra) {
  const auto e1 = ProgramFlags::read(kHelpE1);
  for (const char* name : {"server_port", "random_port", "csrf_token", "extension_server_port",
                           "enable_lsp", "app_data_dir"}) {
    EXPECT_TRUE(e1.has(name)) << name;
  }
  EXPECT_FALSE(e1.has("extension_server_csrf_token"));
  EXPECT_FALSE(e1.has("https_server_port"));
  const auto e2 = ProgramFlags::read(kHelpE2);
  EXPECT_TRUE(e2.has("extension_server_csrf_token"));
  EXPECT_TRUE(e2.has("persistent_mode"));
  EXPECT_TRUE(e2.has("server_port"));
  const auto e3 = ProgramFlags::read(kHelpE3);
  EXPECT_TRUE(e3.has("https_server_port"));
  EXPECT_TRUE(e3.has("http_server_port"));
  EXPECT_TRUE(e3.has("dangerously-skip-permissions"));
  EXPECT_FALSE(e3.has("server_port"));
  EXPECT_FALSE(e3.has("random_port"));
}

TEST(ProgramFlags, IsNotMisledByWhatUsageMentions) {
  const auto flags = ProgramFlags::read(
      "Usage of x:\n  -a\n    \t-b and --c are for others\n\t-d\nsee -e\n  - f\n  -9\n  --g=1\n");
  EXPECT_TRUE(flags.has("a"));
  EXPECT_TRUE(flags.has("g"));
  for (const char* name : {"b", "c", "d", "e", "f", "9"}) {
    EXPECT_FALSE(flags.has(name)) << name;
  }
}

TEST(ProgramFlags, ReadsOtherLayoutsOfTheSame) {
  for (const char* help : {"-x\n", "--x\n", "  -x\ttext\n", "    --x=false: text\n", "  --x, -y\n",
                           "  -x string\r\n", "  -x"}) {
    EXPECT_TRUE(ProgramFlags::read(help).has("x")) << help;
  }
}

TEST(ProgramFlags, NonsenseHasNone) {
  for (const std::string& help :
       {std::string(), std::string("panic: no\n"), std::string(1000, '-'), std::string(100, '\0'),
        "  -" + std::string(65, 'n') + "\n", std::string("  -na\xc3\xafve\n")}) {
    EXPECT_TRUE(ProgramFlags::read(help).empty());
  }
}

TEST(ProgramFlags, IsBounded) {
  std::string help;
  for (int i = 0; help.size() < 2 * kMaxHelpBytes; ++i) {
    help += "  -f" + std::to_string(i) + "\n";
  }
  help += "  -last\n";
  const auto flags = ProgramFlags::read(help);
  EXPECT_TRUE(flags.has("f0"));
  EXPECT_FALSE(flags.has("last"));
}

}  // namespace
}  // namespace agp::core
