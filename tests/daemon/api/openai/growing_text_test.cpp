#include "daemon/api/openai/growing_text.h"

#include "daemon/api/utf8.h"

#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

constexpr std::size_t kLimit = 1024;

TEST(GrowingText, EverySplitGivesTheSameTextAndWellFormedDeltas) {
  // Of all sizes, ill-formed parts, an overlong form, a surrogate, and half a code point at the
  // end.
  const std::string wire =
      "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xFF\xC0\x80 \xE0\x80\x80 \xED\xA0\x80 \xF0\x9Fz "
      "\xE2\x82";
  for (std::size_t first = 0; first <= wire.size(); ++first) {
    for (std::size_t second = first; second <= wire.size(); ++second) {
      GrowingText text(kLimit);
      std::string deltas;
      for (const auto& part :
           {wire.substr(0, first), wire.substr(first, second - first), wire.substr(second)}) {
        ASSERT_TRUE(text.append(part));
        const auto delta = text.take_delta();
        EXPECT_EQ(utf8(delta), delta);
        deltas += delta;
      }
      text.finish();
      deltas += text.take_delta();
      ASSERT_EQ(text.text(), utf8(wire)) << first << " " << second;
      ASSERT_EQ(deltas, utf8(wire)) << first << " " << second;
    }
  }
}

TEST(GrowingText, AReplacementThatGrowsIsADelta) {
  GrowingText text(kLimit);
  ASSERT_TRUE(text.replace("Hel"));
  EXPECT_EQ(text.take_delta(), "Hel");
  ASSERT_TRUE(text.replace("Hello"));
  EXPECT_EQ(text.take_delta(), "lo");
  ASSERT_TRUE(text.replace("Hello"));
  EXPECT_EQ(text.take_delta(), "");
  EXPECT_EQ(text.take_correction(), "");
}

TEST(GrowingText, ARewrittenTextWaitsUntilItBeginsWithWhatWasTaken) {
  GrowingText text(kLimit);
  ASSERT_TRUE(text.append("Hello"));
  EXPECT_EQ(text.take_delta(), "Hello");
  ASSERT_TRUE(text.replace("Hel"));
  EXPECT_EQ(text.take_delta(), "");
  ASSERT_TRUE(text.append("lo, you"));
  EXPECT_EQ(text.take_delta(), ", you");
  ASSERT_TRUE(text.replace("Bye"));
  ASSERT_TRUE(text.append(" now"));
  EXPECT_EQ(text.take_delta(), "");
  EXPECT_EQ(text.text(), "Bye now");
  ASSERT_TRUE(text.replace("Hello, you there"));
  EXPECT_EQ(text.take_delta(), " there");
}

TEST(GrowingText, ACorrectionBeginsWithTheLineThatChanged) {
  GrowingText text(kLimit);
  ASSERT_TRUE(text.append("one\ntwo\nthree"));
  EXPECT_EQ(text.take_delta(), "one\ntwo\nthree");
  ASSERT_TRUE(text.replace("one\ntwenty\nthree\nfour"));
  EXPECT_EQ(text.take_correction(), "twenty\nthree\nfour");
  EXPECT_EQ(text.take_correction(), "");
  EXPECT_EQ(text.take_delta(), "");
  GrowingText other(kLimit);
  ASSERT_TRUE(other.append("one"));
  EXPECT_EQ(other.take_delta(), "one");
  ASSERT_TRUE(other.replace("two"));
  EXPECT_EQ(other.take_correction(), "two");
}

TEST(GrowingText, RefusesMoreThanTheLimit) {
  GrowingText text(4);
  EXPECT_TRUE(text.append("abc"));
  EXPECT_FALSE(text.append("de"));
  EXPECT_EQ(text.text(), "abc");
  EXPECT_TRUE(text.append("d"));
  EXPECT_FALSE(text.replace("abcde"));
  EXPECT_EQ(text.text(), "abcd");
}

TEST(FirstPiece, KeepsCodePointsWhole) {
  EXPECT_EQ(first_piece("abc", 3), "abc");
  EXPECT_EQ(first_piece("abc", 2), "ab");
  EXPECT_EQ(first_piece("a\xE2\x82\xAC", 3), "a");
  EXPECT_EQ(first_piece("a\xE2\x82\xAC", 4), "a\xE2\x82\xAC");
}

}  // namespace
}  // namespace agp::api::openai
