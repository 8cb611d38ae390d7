#include "daemon/ls/command_line.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

TEST(SplitArguments, KeepsEmptyOnesAndToleratesAMissingEnd) {
  const std::string line("a\0\0b", 4);
  EXPECT_EQ(split_arguments(line), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_TRUE(split_arguments("").empty());
}

TEST(FlagValue, ReadsBothFormsWithOneOrTwoDashesAndTheLastWins) {
  const std::vector<std::string_view> arguments = {"ls", "-a=1", "--b", "2", "--a", "3", "--c="};
  EXPECT_EQ(flag_value(arguments, "a"), "3");
  EXPECT_EQ(flag_value(arguments, "b"), "2");
  EXPECT_EQ(flag_value(arguments, "c"), "");
  EXPECT_FALSE(flag_value(arguments, "d"));
}

TEST(FlagValue, DoesNotMistakeALongerNameAndStopsAtTheEndOfFlags) {
  const std::vector<std::string_view> arguments = {"ls", "--token_x=1", "--", "--token=2"};
  EXPECT_FALSE(flag_value(arguments, "token"));
}

TEST(FlagIsSet, TakesWhatGoTakesAndNeverADetachedValue) {
  const auto is_set = [](std::string_view argument) {
    return flag_is_set({"ls", argument, "true"}, "a");
  };
  for (const char* yes : {"-a", "--a", "--a=1", "--a=t", "--a=T", "--a=true", "--a=True"}) {
    EXPECT_TRUE(is_set(yes)) << yes;
  }
  for (const char* no : {"--a=0", "--a=false", "--a=yes", "--ab", "a", "---a", "--"}) {
    EXPECT_FALSE(is_set(no)) << no;
  }
  EXPECT_FALSE(flag_is_set({"ls", "--a", "--a=false"}, "a")) << "the last one wins";
  EXPECT_FALSE(flag_is_set({"ls", "--", "--a"}, "a"));
  EXPECT_FALSE(flag_is_set({"--a"}, "a")) << "that is the program";
}

}  // namespace
}  // namespace agp::ls
