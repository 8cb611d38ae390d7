#include "daemon/usage/body_shape.h"

#include "daemon/usage/limits.h"

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

/// What a body is, fed octet by octet and then ended.
Shape shape_of(std::string_view body, std::string_view type) {
  ShapeDetector detector(type);
  for (std::size_t i = 0; i < body.size(); ++i) {
    (void)detector.feed(as_bytes(body.substr(i, 1)));
  }
  detector.finish();
  return detector.shape();
}

TEST(BodyShape, TheFirstOctetsSayMoreThanTheHeader) {
  for (const char* type :
       {"text/event-stream; charset=utf-8", "application/json", "", "text/html"}) {
    EXPECT_EQ(shape_of("data: {}", type), Shape::sse) << type;
    EXPECT_EQ(shape_of("event: x", type), Shape::sse) << type;
    EXPECT_EQ(shape_of(": ping", type), Shape::sse) << type;
    EXPECT_EQ(shape_of(" \r\n {\"a\"", type), Shape::json) << type;
    EXPECT_EQ(shape_of("\xEF\xBB\xBF[", type), Shape::json) << type;
    EXPECT_EQ(shape_of("", type), Shape::unknown) << type;
  }
}

TEST(BodyShape, OtherwiseTheHeaderDecides) {
  EXPECT_EQ(shape_of("foo: bar", "text/event-stream"), Shape::sse);
  EXPECT_EQ(shape_of("foo: bar", "application/json"), Shape::opaque);
  EXPECT_EQ(shape_of("<html>", "text/html"), Shape::opaque);
  EXPECT_EQ(shape_of("dat", "text/html"), Shape::opaque);
  EXPECT_EQ(shape_of("dat", "Text/Event-Stream"), Shape::sse);
  EXPECT_EQ(shape_of("{}", kJsonSequence), Shape::sequence);
}

TEST(BodyShape, LooksAtNoMoreThanItsLimit) {
  const std::string space(kMaxPreludeBytes + 10, ' ');
  ShapeDetector detector("application/json");
  EXPECT_EQ(detector.feed(as_bytes(space)), kMaxPreludeBytes);
  EXPECT_EQ(detector.shape(), Shape::opaque);
}

TEST(BodyShape, HandsBackWhatItLookedAt) {
  ShapeDetector sse("");
  EXPECT_EQ(sse.feed(as_bytes("\xEF\xBB\xBF"
                              "data: x")),
            8u);
  EXPECT_EQ(sse.take(),
            "\xEF\xBB\xBF"
            "data:");
  ShapeDetector json("");
  EXPECT_EQ(json.feed(as_bytes("\n {}")), 3u);
  EXPECT_EQ(json.take(), "{");
}

}  // namespace
}  // namespace agp::usage
