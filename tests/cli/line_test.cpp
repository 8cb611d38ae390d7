#include "cli/line.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

using Words = std::vector<std::string>;

TEST(Line, AVerbMayHaveTwoWords) {
  const auto one = parse_line({"usage"});
  ASSERT_NE(one.verb, nullptr);
  EXPECT_EQ(one.verb->name, "usage");
  const auto two = parse_line({"policy", "check", "a.example", "GET", "/x"});
  ASSERT_NE(two.verb, nullptr);
  EXPECT_EQ(two.verb->name, "policy check");
  EXPECT_EQ(two.arguments, (Words{"a.example", "GET", "/x"}));
  EXPECT_FALSE(two.fault);
}

TEST(Line, OptionsStandAnywhere) {
  for (const Words& words : {Words{"policy", "show", "--json", "--config", "f"},
                             Words{"--json", "policy", "--config", "f", "show"},
                             Words{"policy", "--config=f", "show", "--json"}}) {
    const auto line = parse_line(words);
    EXPECT_FALSE(line.fault) << *line.fault;
    ASSERT_NE(line.verb, nullptr);
    EXPECT_EQ(line.verb->name, "policy show");
    EXPECT_TRUE(line.json);
    EXPECT_EQ(line.value("--config"), std::optional<std::string>("f"));
  }
}

TEST(Line, AnOldNameIsTheNewOne) {
  EXPECT_EQ(parse_line({"usage", "--group-by", "day"}).value("--by"), "day");
  EXPECT_TRUE(parse_line({"usage", "--group-by", "day", "--by", "day"}).fault);
}

TEST(Line, AfterTwoDashesNothingIsAnOption) {
  const auto line = parse_line({"replay", "--", "--json", "-"});
  EXPECT_EQ(line.arguments, (Words{"--json", "-"}));
  EXPECT_FALSE(line.json);
}

TEST(Line, WhatFollowsTheProgramIsItsOwn) {
  EXPECT_EQ(parse_line({"run", "--unmetered-ok", "make", "--json", "-h"}).arguments,
            (Words{"make", "--json", "-h"}));
  EXPECT_EQ(parse_line({"run", "--", "--odd", "--", "x"}).arguments, (Words{"--odd", "--", "x"}));
  EXPECT_TRUE(parse_line({"run", "--json", "make"}).json);
}

TEST(Line, TellsTheFirstFault) {
  struct Case {
    Words words;
    const char* fault;
  };
  for (const auto& [words, fault] : {
           Case{{}, "no verb given"},
           Case{{"usage", "--since"}, "option --since needs a value"},
           Case{{"usage", "--model", "a", "--model=b"}, "option --model is given twice"},
           Case{{"cleanup", "--dry-run", "--dry-run"}, "option --dry-run is given twice"},
           Case{{"cleanup", "--dry-run=1"}, "option --dry-run takes no value"},
           Case{{"ls"}, "ls needs one of start, stop, restart, status"},
           Case{{"ls", "go", "--x"}, "unknown verb ls go"},
           Case{{"policy", "--offline", "reload"}, "unknown option --offline"},
           Case{{"policy", "check", "a", "GET"}, "policy check needs PATH"},
           Case{{"policy", "check"}, "policy check needs HOST"},
           Case{{"run"}, "run needs CMD"},
           Case{{"run", "--"}, "run needs CMD"},
           Case{{"replay"}, "replay needs FILE"},
           Case{{"status", "all"}, "unexpected argument all"},
       }) {
    EXPECT_EQ(parse_line(words).fault, std::optional<std::string>(fault));
  }
}

TEST(Line, AskingForJsonIsSeenDespiteAFault) {
  EXPECT_TRUE(parse_line({"frobnicate", "--json"}).json);
  EXPECT_TRUE(parse_line({"usage", "--what", "--json"}).json);
}

TEST(Line, NamesWhatMayHaveBeenMeant) {
  EXPECT_EQ(parse_line({"usgae"}).nearest, "usage");
  EXPECT_EQ(parse_line({"usage", "--sinse", "today"}).nearest, "--since");
  EXPECT_EQ(parse_line({"ls", "restrat"}).nearest, "restart");
  EXPECT_EQ(parse_line({"usage", "--modle=x"}).nearest, "--model");
  EXPECT_EQ(parse_line({"frobnicate"}).nearest, "");
  EXPECT_EQ(parse_line({"usage", "--x"}).nearest, "");
  EXPECT_EQ(parse_line({std::string(5000, 'u')}).nearest, "");
}

}  // namespace
}  // namespace agp::cli
