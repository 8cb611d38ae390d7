#include "daemon/cost/match.h"

#include <gtest/gtest.h>

namespace agp::cost {
namespace {

using Kind = Match::Kind;

bool is_match(Kind kind, std::string_view text, std::string_view name) {
  return Match::text(kind, text)->matches(name);
}

TEST(Match, ComparesWithoutCapitals) {
  EXPECT_TRUE(is_match(Kind::equals, "GPT-5", "gpt-5"));
  EXPECT_FALSE(is_match(Kind::equals, "gpt-5", "gpt-5.1"));
  EXPECT_TRUE(is_match(Kind::ends_with, "Claude-Opus-5", "anthropic/claude-opus-5"));
  EXPECT_TRUE(is_match(Kind::contains, "claude-4-OPUS", "vertex-claude-4-opus@2026"));
}

TEST(Match, TakesRegularExpressionsOfJavaScript) {
  const auto kNoSpeech = "^(?!.*-[tT][tT][sS](?:$|-))";
  EXPECT_TRUE(is_match(Kind::regex, kNoSpeech, "gemini-2.5-pro"));
  EXPECT_FALSE(is_match(Kind::regex, kNoSpeech, "gemini-2.5-pro-tts"));
  EXPECT_FALSE(is_match(Kind::regex, kNoSpeech, "gemini-2.5-pro-preview-tts-x"));
  EXPECT_TRUE(is_match(Kind::regex, "\\d{4}$", "gpt-0613"));  // not anchored
}

TEST(Match, ABrokenRegularExpressionIsAFault) {
  EXPECT_FALSE(Match::text(Kind::regex, "(("));
}

TEST(Match, SurvivesALongNameAndARegularExpression) {
  EXPECT_FALSE(is_match(Kind::regex, "^(?!.*-[tT][tT][sS](?:$|-))x", std::string(256, '-')));
}

TEST(Match, PartsAreJoined) {
  std::vector<Match> parts{*Match::text(Kind::starts_with, "gemini-2.5-pro"),
                           *Match::text(Kind::ends_with, "-x")};
  EXPECT_TRUE(Match::parts(Kind::all_of, parts).matches("gemini-2.5-pro-x"));
  EXPECT_FALSE(Match::parts(Kind::all_of, parts).matches("gemini-2.5-pro"));
  EXPECT_TRUE(Match::parts(Kind::any_of, parts).matches("gemini-2.5-pro"));
  EXPECT_FALSE(Match::parts(Kind::any_of, parts).matches("other"));
}

TEST(Match, ABeginningDoesNotTakeSiblings) {
  for (const auto kind : {Kind::starts_with, Kind::contains}) {
    EXPECT_FALSE(is_match(kind, "claude-sonnet-5", "claude-sonnet-5-5"));
    EXPECT_FALSE(is_match(kind, "claude-sonnet-5", "claude-sonnet-5.5"));
    EXPECT_FALSE(is_match(kind, "claude-sonnet-5", "claude-sonnet-5-10-20270101"));
    EXPECT_FALSE(is_match(kind, "claude-opus-4-1", "claude-opus-4-10"));
    EXPECT_FALSE(is_match(kind, "gemini-3.6-flash", "gemini-3.6-flash-lite"));
    EXPECT_FALSE(is_match(kind, "gemini-3.6-flash", "gemini-3.6-flash-lite-preview"));
    EXPECT_FALSE(is_match(kind, "o4-mini", "o4-mini-deep-research"));
  }
}

TEST(Match, ABeginningTakesDatesAndVariants) {
  EXPECT_TRUE(is_match(Kind::starts_with, "claude-sonnet-5", "claude-sonnet-5"));
  EXPECT_TRUE(is_match(Kind::starts_with, "claude-sonnet-5", "claude-sonnet-5-20260801"));
  EXPECT_TRUE(is_match(Kind::starts_with, "claude-sonnet-5", "claude-sonnet-5@20260801"));
  EXPECT_TRUE(is_match(Kind::starts_with, "claude-sonnet-4-2025", "claude-sonnet-4-20250514"));
  EXPECT_TRUE(is_match(Kind::contains, "gemini-2.0-flash-0", "gemini-2.0-flash-001"));
  EXPECT_TRUE(is_match(Kind::starts_with, "gemini-2.5-pro", "gemini-2.5-pro-001"));
  EXPECT_TRUE(is_match(Kind::starts_with, "gemini-3-pro-preview", "gemini-3-pro-preview-11-2025"));
  EXPECT_TRUE(is_match(Kind::starts_with, "gemini-3.6-flash", "gemini-3.6-flash-high"));
  EXPECT_TRUE(is_match(Kind::starts_with, "gemini-3.6-flash", "gemini-3.6-flash-preview"));
}

TEST(MatchesPattern, AStarAtTheEndIsABeginning) {
  EXPECT_TRUE(matches_pattern("gpt-*", "gpt-5"));
  EXPECT_TRUE(matches_pattern("*", ""));
  EXPECT_TRUE(matches_pattern("gpt-5", "gpt-5"));
  EXPECT_FALSE(matches_pattern("gpt-5", "gpt-5.1"));
}

}  // namespace
}  // namespace agp::cost
