#include "daemon/api/http.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(ParseTarget, SplitsAndDecodes) {
  const auto target = parse_target("/v1/usage?model=a%2Fb&since=-7d&empty=&flag");
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->path, "/v1/usage");
  EXPECT_EQ(target->query,
            (Pairs{{"model", "a/b"}, {"since", "-7d"}, {"empty", ""}, {"flag", ""}}));
}

TEST(ParseTarget, PlusStaysAPlusBecauseTimesHaveOffsets) {
  EXPECT_EQ(parse_target("/?since=2026-11-22T04:00:00+01:00")->query[0].second,
            "2026-11-22T04:00:00+01:00");
}

TEST(ParseTarget, RefusesOtherForms) {
  for (const char* text : {"", "*", "http://localhost/", "usage", "/%", "/%4", "/%zz", "/?a=%q0"}) {
    EXPECT_FALSE(parse_target(text).has_value()) << text;
  }
}

TEST(ErrorResponse, HasTheShapeOfItsPath) {
  const ApiError error{400, "invalid_request_error", "code", "message", "hint", "model"};
  EXPECT_EQ(error_response(error).body,
            "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"code\","
            "\"message\":\"message\",\"hint\":\"hint\"}}\n");
  EXPECT_EQ(error_response(error, true).body,
            "{\"error\":{\"message\":\"message\",\"type\":\"invalid_request_error\","
            "\"param\":\"model\",\"code\":\"code\",\"hint\":\"hint\"}}\n");
}

}  // namespace
}  // namespace agp::api
