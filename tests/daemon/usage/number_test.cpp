#include "daemon/usage/number.h"

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

TEST(Number, AcceptsWhatIsAnIntegerInValue) {
  EXPECT_EQ(parse_count("0"), 0u);
  EXPECT_EQ(parse_count("-0"), 0u);
  EXPECT_EQ(parse_count("40"), 40u);
  EXPECT_EQ(parse_count("40.0"), 40u);
  EXPECT_EQ(parse_count("1.24e3"), 1240u);
  EXPECT_EQ(parse_count("1200E-2"), 12u);
  EXPECT_EQ(parse_count("0e999999999999"), 0u);
  EXPECT_EQ(parse_count("1000000000000"), 1'000'000'000'000u);
}

// threat-model 65
TEST(Number, RefusesEverythingElse) {
  for (const char* text :
       {"-1", "1.5", "1e-1", "1e300", "1e999999999999999999", "1000000000001",
        "18446744073709551615", "18446744073709551656", "9007199254740993", "?", "", "-", "NaN"}) {
    EXPECT_FALSE(parse_count(text)) << text;
  }
}

TEST(Number, AcceptsStringsOfDigits) {
  EXPECT_EQ(parse_count_string("1200"), 1200u);
  EXPECT_EQ(parse_count_string("1000000000000"), 1'000'000'000'000u);
  for (const char* text : {"", "-1", "1.0", " 1", "1000000000001", "00000000000001"}) {
    EXPECT_FALSE(parse_count_string(text)) << text;
  }
}

}  // namespace
}  // namespace agp::usage
