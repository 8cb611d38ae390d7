#include "daemon/http2/head.h"

#include "daemon/http2/limits.h"

#include <gtest/gtest.h>

namespace agp::http2 {
namespace {

TEST(FieldList, TellsPseudoFieldsFromFields) {
  FieldList list;
  list.add(":method", "POST");
  list.add(":path", "/a?b");
  list.add(":authority", "h");
  list.add("content-type", "x");
  list.add("content-type", "y");
  const Head& head = list.head();
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/a?b");
  EXPECT_EQ(head.authority, "h");
  EXPECT_EQ(head.field("content-type"), "x");
  EXPECT_EQ(head.field("missing"), "");
  EXPECT_EQ(head.fields.size(), 2u);
  EXPECT_FALSE(head.is_cut);
}

TEST(FieldList, AStatusIsThreeDigitsOrNothing) {
  for (const auto& [text, status] :
       std::initializer_list<std::pair<const char*, int>>{{"204", 204}, {"2x4", 0}, {"20", 0}}) {
    FieldList list;
    list.add(":status", text);
    EXPECT_EQ(list.head().status, status) << text;
  }
}

TEST(FieldList, IsCutAtTheNumberOfFields) {
  FieldList list;
  list.add(":method", "GET");
  for (std::size_t i = 0; i < kMaxFields + 5; ++i) {
    list.add("a", "b");
  }
  EXPECT_TRUE(list.head().is_cut);
  EXPECT_EQ(list.head().method, "GET");
  EXPECT_EQ(list.head().fields.size(), kMaxFields - 1);
}

TEST(FieldList, IsCutAtItsSize) {
  FieldList list;
  const std::string value(60'000, 'v');
  for (int i = 0; i < 10; ++i) {
    list.add("a", value);
  }
  EXPECT_TRUE(list.head().is_cut);
  EXPECT_EQ(list.head().fields.size(), 4u);
  list.clear();
  EXPECT_FALSE(list.head().is_cut);
  EXPECT_TRUE(list.head().fields.empty());
}

}  // namespace
}  // namespace agp::http2
