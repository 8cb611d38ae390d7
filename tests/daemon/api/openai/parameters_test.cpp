#include "daemon/api/openai/parameters.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

boost::json::value json(std::string_view text) {
  return boost::json::parse(text);
}

TEST(Parameters, ANumberIsTheNumberHoweverItIsWritten) {
  for (const char* text : {"1", "1.0", "1e0"}) {
    EXPECT_TRUE(is_one(json(text))) << text;
  }
  for (const char* text : {"0", "1.5", "\"1\"", "true", "18446744073709551615"}) {
    EXPECT_FALSE(is_one(json(text))) << text;
  }
}

TEST(Parameters, ALongNameIsToldBackShortAndWhole) {
  const auto refusal = unsupported_parameter(std::string(63, 'x') + "\xE2\x82\xAC");
  EXPECT_EQ(refusal.param, std::string(63, 'x'));
}

TEST(Parameters, MetadataIsCountedInCharacters) {
  Metadata metadata;
  std::string euros;
  for (int i = 0; i < 512; ++i) {
    euros += "\xE2\x82\xAC";
  }
  EXPECT_FALSE(read_metadata(boost::json::object{{"k", euros}}, metadata));
  ASSERT_EQ(metadata.size(), 1U);
  EXPECT_EQ(metadata[0].second, euros);
  EXPECT_TRUE(read_metadata(boost::json::object{{"k", euros + "x"}}, metadata));
  EXPECT_TRUE(read_metadata(boost::json::object{{std::string(65, 'k'), ""}}, metadata));
  boost::json::object many;
  for (int i = 0; i < 17; ++i) {
    many[std::to_string(i)] = "";
  }
  EXPECT_TRUE(read_metadata(many, metadata));
}

TEST(Parameters, CountsHaveALimit) {
  std::optional<std::uint64_t> out;
  EXPECT_FALSE(read_count("n", json("7"), 7, out));
  EXPECT_EQ(out, 7U);
  EXPECT_TRUE(read_count("n", json("8"), 7, out));
  EXPECT_TRUE(read_count("n", json("1e30"), 7, out));
}

}  // namespace
}  // namespace agp::api::openai
