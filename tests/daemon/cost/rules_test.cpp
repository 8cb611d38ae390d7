#include "daemon/cost/rules.h"

#include <gtest/gtest.h>

namespace agp::cost {
namespace {

Rules rules() {
  Rules made;
  made.suffixes = {"-extra-low", "-low", "-thinking"};
  made.endings = {"", "-preview"};
  made.aliases = {{"agent", "x-preview", ""}, {"oss", "oss", "b"}};
  made.factors = {{Factor::Of::tier, {"priority"}, {"a"}, {"x-*"}, {2, 1}},
                  {Factor::Of::tier, {"priority"}, {"a"}, {}, {3, 1}},
                  {Factor::Of::speed, {"fast"}, {}, {"y"}, {6, 1}}};
  return made;
}

std::vector<std::string> names(std::string_view model) {
  std::vector<std::string> made;
  for (const ModelAlias& each : rules().candidates(model)) {
    made.push_back(each.provider.empty() ? each.as : each.provider + "/" + each.as);
  }
  return made;
}

TEST(Rules, StripsOneSuffixAfterTheOther) {
  EXPECT_EQ(names("x-low-thinking"), (std::vector<std::string>{"x-low-thinking-preview", "x-low",
                                                               "x-low-preview", "x", "x-preview"}));
  EXPECT_EQ(names("x-extra-low"),
            (std::vector<std::string>{"x-extra-low-preview", "x", "x-preview"}));
  EXPECT_EQ(names("-low"), (std::vector<std::string>{"-low-preview"}));
}

TEST(Rules, AnAliasComesBeforeTheEndings) {
  EXPECT_EQ(names("agent-low"),
            (std::vector<std::string>{"agent-low-preview", "x-preview", "agent", "agent-preview"}));
}

TEST(Rules, TheFirstFactorWhoseModelMatchesCounts) {
  const Rules all = rules();
  EXPECT_EQ(all.factor(Factor::Of::tier, "priority", "a", "x-1")->numerator, 2U);
  EXPECT_EQ(all.factor(Factor::Of::tier, "priority", "a", "z")->numerator, 3U);
  EXPECT_FALSE(all.factor(Factor::Of::tier, "priority", "b", "x-1"));
  EXPECT_FALSE(all.factor(Factor::Of::tier, "fast", "a", "y"));
  EXPECT_FALSE(all.factor(Factor::Of::speed, "fast", "a", "z"));
  EXPECT_EQ(all.factor(Factor::Of::speed, "fast", "a", "y")->numerator, 6U);
}

}  // namespace
}  // namespace agp::cost
