#include "cli/document.h"

#include "tests/cli/screen_text.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

const std::vector<Row> kRows = {{"MODEL", "CALLS", "INPUT", "TOTAL"},
                                {"a-model-with-a-name-high", "1,234,567", "12", "123,456,789"},
                                {"a-model-with-a-name-low", "1", "2", "3"}};

Fit fit(std::size_t width) {
  return {1, width, {"INPUT"}, {"CALLS"}};
}

TEST(DocumentTable, WithoutATerminalNothingIsGivenUp) {
  const auto table = fitted(kRows, fit(0));
  EXPECT_EQ(table.gone, "");
  EXPECT_EQ(table.text,
            "MODEL                         CALLS  INPUT        TOTAL\n"
            "a-model-with-a-name-high  1,234,567     12  123,456,789\n"
            "a-model-with-a-name-low           1      2            3\n");
  EXPECT_EQ(fitted(kRows, fit(55)).text, table.text);
}

TEST(DocumentTable, ColumnsThatCanBeSparedGoBeforeANameIsShortened) {
  const auto table = fitted(kRows, fit(54));
  EXPECT_EQ(table.gone, "input");
  EXPECT_NE(table.text.find("a-model-with-a-name-high"), std::string::npos);
}

TEST(DocumentTable, NamesAreShortenedInTheMiddle) {
  const auto table = fitted(kRows, fit(34));
  EXPECT_EQ(table.gone, "input");
  EXPECT_EQ(widest(table.text), 34U);
  EXPECT_NE(table.text.find("a-mod\xE2\x80\xA6high  1,234,567"), std::string::npos) << table.text;
  EXPECT_NE(table.text.find("a-mod\xE2\x80\xA6-low"), std::string::npos) << table.text;
}

TEST(DocumentTable, WhatIsLeftGoesBeforeANameSaysNothing) {
  const auto table = fitted(kRows, fit(33));
  EXPECT_EQ(table.gone, "calls, input");
  EXPECT_EQ(widest(table.text), 33U);
  EXPECT_LE(widest(fitted(kRows, fit(16)).text), 16U);
  // Of a number nothing is left out.
  EXPECT_NE(fitted(kRows, fit(5)).text.find("123,456,789"), std::string::npos);
}

TEST(DocumentTable, SaysWhatIsNotThere) {
  const auto text = table_of(kRows, fit(33));
  EXPECT_NE(text.find("\n\nNot shown, for want of room:\ncalls, input. --json has all.\n"),
            std::string::npos)
      << text;
  EXPECT_LE(widest(text), 33U);
  EXPECT_EQ(table_of(kRows, fit(0)).find("Not shown"), std::string::npos);
}

TEST(DocumentText, IsShortenedByWholeCharacters) {
  const std::string text = "\u00e4\u00f6\u00fcabc\u00e4\u00f6\u00fc";
  EXPECT_EQ(shortened(text, 9), text);
  EXPECT_EQ(shortened(text, 4), "\u00e4\u00f6\u2026\u00fc");
  EXPECT_EQ(shortened(text, 2), "\u00e4\u2026");
  EXPECT_EQ(shortened(text, 1), "\u2026");
  EXPECT_EQ(cut_to(text, 3), "\u00e4\u00f6\u2026");
  EXPECT_EQ(cut_to(text, 1), "\u2026");
}

TEST(DocumentList, GoesOnBelowItself) {
  EXPECT_EQ(list_of({{"Name", "one two"}, {"N", "x"}}, 10), "Name  one\n      two\nN     x\n");
  EXPECT_EQ(list_of({{"Name", "one two"}}, 0), "Name  one two\n");
}

}  // namespace
}  // namespace agp::cli
