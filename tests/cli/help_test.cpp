#include "cli/help.h"

#include <sstream>

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

void expect_fits(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80U) << line;
    EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
  }
}

TEST(Help, FitsATerminal) {
  expect_fits(help_text());
  for (const auto& group : verb_groups()) {
    expect_fits(help_text(group));
  }
  for (const auto& verb : grammar()) {
    expect_fits(help_text(verb));
  }
}

TEST(Help, NamesEveryOptionArgumentAndExitOfAVerb) {
  for (const auto& verb : grammar()) {
    const auto text = help_text(verb);
    const auto name = std::string(verb.name);
    EXPECT_TRUE(text.starts_with("Usage: antigravity-proxy " + name)) << name;
    for (const auto& option : options_of(verb)) {
      EXPECT_NE(text.find("\n  " + std::string(option.name)), std::string::npos) << option.name;
    }
    for (const auto& argument : verb.arguments) {
      EXPECT_NE(text.find("\n  " + std::string(argument.name)), std::string::npos) << name;
    }
    for (const auto& exit : verb.exits) {
      const auto code = std::to_string(static_cast<int>(exit.code));
      EXPECT_NE(text.find("\n  " + code), std::string::npos) << name << code;
    }
  }
}

TEST(Help, NamesEveryVerbOnce) {
  const auto text = help_text();
  for (const auto& verb : grammar()) {
    const auto line = "\n  " + std::string(verb.name.substr(0, verb.name.find(' '))) + " ";
    const auto at = text.find(line);
    EXPECT_EQ(at == std::string::npos, verb.is_hidden) << verb.name;
    EXPECT_EQ(text.find(line, at + 1), std::string::npos) << verb.name;
  }
}

TEST(Help, NamesTheVerbsOfAGroup) {
  const auto text = help_text(*find_group("policy"));
  EXPECT_NE(text.find("antigravity-proxy policy check HOST [METHOD PATH] [OPTIONS]\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\n  reload  "), std::string::npos) << text;
}

TEST(Wrapped, BreaksBetweenWordsAlone) {
  EXPECT_EQ(wrapped("one two three", 7, 2, 0), "one two\n  three");
  EXPECT_EQ(wrapped("a-word-that-is-too-long x", 7, 0, 0), "a-word-that-is-too-long\nx");
  EXPECT_EQ(wrapped("", 7, 2, 2), "");
}

}  // namespace
}  // namespace agp::cli
