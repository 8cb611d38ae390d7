#include "daemon/api/openai/sse_format.h"

#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

TEST(SseFormat, IsOneDataLine) {
  EXPECT_EQ(named_event("a.b", {{"x", "1\n2\r\n3\"\\\x01"}}),
            "event: a.b\ndata: {\"x\":\"1\\n2\\r\\n3\\\"\\\\\\u0001\"}\n\n");
  EXPECT_EQ(data_event({{"x", 1}}), "data: {\"x\":1}\n\n");
}

}  // namespace
}  // namespace agp::api::openai
