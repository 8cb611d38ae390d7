#include "daemon/rewrite/fields.h"

#include <gtest/gtest.h>

namespace agp::rewrite {
namespace {

TEST(AcceptEncoding, KeepsOnlyWhatIsAllowed) {
  const std::vector<std::string> allowed = {"gzip", "br"};
  const auto limited = [&](std::string_view value) {
    return limit_accept_encoding(value, allowed);
  };
  EXPECT_EQ(limited("gzip, deflate, br, zstd"), "gzip, br");
  EXPECT_EQ(limited("GZIP;q=0.5,zstd;q=1.0"), "GZIP;q=0.5");
  EXPECT_EQ(limited("zstd"), "identity");
  EXPECT_EQ(limited(""), "identity");
  EXPECT_EQ(limited("*"), "gzip, br");
  EXPECT_EQ(limited("br;q=0.9, *;q=0.1"), "br;q=0.9, gzip;q=0.1");
  EXPECT_EQ(limited("identity;q=0, *;q=0"), "identity;q=0, *;q=0");
  EXPECT_EQ(limited("gzip, *; q=0.0"), "gzip, *; q=0.0");
}

TEST(FieldEdits, NeverTouchFramingOrRouting) {
  const std::vector<FieldEdit> edits = {{FieldEdit::Action::remove, "Host", ""},
                                        {FieldEdit::Action::set, "transfer-encoding", "chunked"},
                                        {FieldEdit::Action::set, "X-A", "1\r\nX-B: 2"},
                                        {FieldEdit::Action::set, "X A", "1"}};
  Fields fields = {{"Host", "h"}};
  apply_edits(fields, edits, false);
  EXPECT_EQ(fields, (Fields{{"Host", "h"}}));
}

// threat-model 55
TEST(NamesHost, WantsTheNameAndAtMostThePort) {
  EXPECT_TRUE(names_host("A.example", "a.example", 443));
  EXPECT_TRUE(names_host("a.example:443", "a.example", 443));
  EXPECT_FALSE(names_host("a.example:444", "a.example", 443));
  EXPECT_FALSE(names_host("a.example:0443", "a.example", 443));
  EXPECT_FALSE(names_host("a.example.", "a.example", 443));
  EXPECT_FALSE(names_host("", "", 443));
}

}  // namespace
}  // namespace agp::rewrite
