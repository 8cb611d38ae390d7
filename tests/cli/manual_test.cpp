#include "cli/manual.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

TEST(Manual, TheRestOfThePageStaysAsItIs) {
  EXPECT_EQ(manual_with_grammar(".TH X 1\n.\\\" a remark\ntext"),
            ".TH X 1\n.\\\" a remark\ntext\n");
}

TEST(Manual, MarksAreReplacedByWhatTheGrammarSays) {
  const auto page = manual_with_grammar(".\\\" SYNOPSIS\n.\\\" VERBS\n.\\\" EXITS\n");
  for (const char* part :
       {"\n\\fBantigravity\\-proxy policy check\\fR HOST [METHOD PATH] [OPTIONS]\n",
        "\n.SS policy check HOST [METHOD PATH] [OPTIONS]\n", "\n.TP\n\\fB\\-\\-offline\\fR\n",
        "\n.TP\n\\fB\\-\\-by\\fR \\fILIST\\fR\n", "\n.TP\n.B 77\nnot allowed\n"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(page.find("complete"), std::string::npos) << "it is for the shells";
}

}  // namespace
}  // namespace agp::cli
