#include "daemon/rewrite/json_text.h"

#include "daemon/rewrite/limits.h"

#include <gtest/gtest.h>

namespace agp::rewrite {
namespace {

std::string at(std::string_view text, JsonSpan span) {
  return std::string(text.substr(span.begin, span.end - span.begin));
}

TEST(JsonText, FindsMembersAndElements) {
  const std::string_view text = R"( {"a":[1, "]" ,{"x":"}"}],"b\"":null , "c":{} } )";
  ASSERT_TRUE(is_json_text(text));
  const auto members = json_members(text, json_root(text));
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[0].name, "a");
  EXPECT_EQ(members[1].name, "b\"");
  EXPECT_EQ(at(text, members[1].value), "null");
  EXPECT_EQ(at(text, members[2].value), "{}");
  const auto elements = json_elements(text, members[0].value);
  ASSERT_EQ(elements.size(), 3U);
  EXPECT_EQ(at(text, elements[0]), "1");
  EXPECT_EQ(at(text, elements[1]), R"("]")");
  EXPECT_EQ(at(text, elements[2]), R"({"x":"}"})");
  EXPECT_TRUE(json_members(text, members[2].value).empty());
}

TEST(JsonText, NestingHasALimit) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(is_json_text(nested(kMaxJsonDepth)));
  EXPECT_FALSE(is_json_text(nested(kMaxJsonDepth + 1)));
}

TEST(JsonText, OnlyOneWholeValueIsAText) {
  for (const char* text : {"", " ", "{", "{} {}", "tru", "1 2", "\"\xc3\"", "\"\x01\""}) {
    EXPECT_FALSE(is_json_text(text)) << text;
  }
  for (const char* text : {"{}", " 1 ", "\"\"", "null", "\"\\ud83d\\ude00\""}) {
    EXPECT_TRUE(is_json_text(text)) << text;
  }
}

}  // namespace
}  // namespace agp::rewrite
