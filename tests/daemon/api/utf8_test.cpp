#include "daemon/api/utf8.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

TEST(Utf8, WellFormedTextStaysAsItIs) {
  for (const char* text : {"", "plain", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                           "\xEF\xBF\xBD", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF", "\x7F\x01"}) {
    EXPECT_EQ(utf8(text), text);
  }
}

TEST(Utf8, EachIllFormedPartIsOneReplacement) {
  const std::string one = "\xEF\xBF\xBD";
  EXPECT_EQ(utf8("a\xFFz"), "a" + one + "z");
  EXPECT_EQ(utf8("\xC3"), one);
  EXPECT_EQ(utf8("\xE2\x82z"), one + "z");                     // cut short
  EXPECT_EQ(utf8("\xC0\xAF"), one + one);                      // overlong
  EXPECT_EQ(utf8("\xED\xA0\x80"), one + one + one);            // a surrogate
  EXPECT_EQ(utf8("\xF4\x90\x80\x80"), one + one + one + one);  // beyond the last code point
  EXPECT_EQ(utf8("\x80"), one);
  EXPECT_EQ(utf8(std::string_view("a\0b", 3)), "a" + one + "b");
}

}  // namespace
}  // namespace agp::api
