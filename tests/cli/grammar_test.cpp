#include "cli/grammar.h"

#include "cli/command.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

TEST(Grammar, EveryVerbIsThereOnceAndCanBeRun) {
  std::set<std::string_view> names;
  std::set<std::string_view> first;
  for (const auto& verb : grammar()) {
    EXPECT_TRUE(names.insert(verb.name).second) << verb.name;
    first.insert(verb.name.substr(0, verb.name.find(' ')));
    EXPECT_EQ(second_word(verb).empty(),
              find_group(verb.name.substr(0, verb.name.find(' '))) == nullptr)
        << verb.name;
  }
  const auto words = runnable_words();
  EXPECT_EQ(std::set<std::string_view>(words.begin(), words.end()), first);
}

TEST(Grammar, EverythingIsDescribed) {
  for (const auto& verb : grammar()) {
    EXPECT_FALSE(verb.about.empty()) << verb.name;
    for (const auto& option : options_of(verb)) {
      EXPECT_TRUE(option.name.starts_with("--")) << option.name;
      EXPECT_FALSE(option.about.empty()) << verb.name << option.name;
    }
    for (const auto& argument : verb.arguments) {
      EXPECT_FALSE(argument.about.empty()) << verb.name << argument.name;
    }
  }
}

TEST(Grammar, NoOptionIsThereTwice) {
  for (const auto& verb : grammar()) {
    std::set<std::string_view> names;
    for (const auto& option : options_of(verb)) {
      EXPECT_TRUE(names.insert(option.name).second) << verb.name << option.name;
    }
  }
}

TEST(Grammar, ExitsAreOfTheOneTableAndInItsOrder) {
  for (const auto& verb : grammar()) {
    ASSERT_FALSE(verb.exits.empty()) << verb.name;
    EXPECT_TRUE(
        std::is_sorted(verb.exits.begin(), verb.exits.end(),
                       [](const ExitRule& a, const ExitRule& b) { return a.code < b.code; }))
        << verb.name;
    // Every line may be wrong.
    EXPECT_TRUE(std::any_of(verb.exits.begin(), verb.exits.end(), [](const ExitRule& rule) {
      return rule.code == Exit::usage;
    })) << verb.name;
    for (const auto& rule : verb.exits) {
      EXPECT_FALSE(rule.about.empty()) << verb.name;
      EXPECT_TRUE(std::any_of(exit_table().begin(), exit_table().end(), [&](const ExitRule& each) {
        return each.code == rule.code;
      })) << verb.name;
    }
  }
}

TEST(Grammar, ASynopsisShowsWhatMayBeLeftOut) {
  EXPECT_EQ(synopsis_of(*find_verb("status")), "status [OPTIONS]");
  EXPECT_EQ(synopsis_of(*find_verb("policy check")), "policy check HOST [METHOD PATH] [OPTIONS]");
  EXPECT_EQ(synopsis_of(*find_verb("replay")), "replay FILE... [OPTIONS]");
  EXPECT_EQ(synopsis_of(*find_verb("run")), "run [OPTIONS] [--] CMD [ARGUMENT...]");
}

}  // namespace
}  // namespace agp::cli
