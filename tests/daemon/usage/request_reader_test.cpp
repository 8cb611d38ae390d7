#include "daemon/usage/request_reader.h"

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

TEST(RequestReader, ReadsTheAgentForm) {
  const CallKeys keys = parse_request_id("agent/11111111-2222/1795000000000/33333333-4444/7");
  EXPECT_EQ(keys, (CallKeys{RequestKind::agent, "11111111-2222", "33333333-4444", 7}));
}

TEST(RequestReader, IsLenientAboutOtherForms) {
  EXPECT_EQ(parse_request_id("checkpoint/1234"), (CallKeys{RequestKind::checkpoint, {}, {}, {}}));
  EXPECT_EQ(parse_request_id("tab/1234"), (CallKeys{RequestKind::tab, {}, {}, {}}));
  EXPECT_EQ(parse_request_id("agent-1234"), (CallKeys{RequestKind::agent, {}, {}, {}}));
  EXPECT_EQ(parse_request_id("agent/1795000000000/0badf00d"),
            (CallKeys{RequestKind::agent, {}, {}, {}}));
  EXPECT_EQ(parse_request_id("agent/11111111-2222/1/33333333-4444/x"),
            (CallKeys{RequestKind::agent, "11111111-2222", "33333333-4444", {}}));
  EXPECT_EQ(parse_request_id("agent/a b/1/c/2/3"), (CallKeys{RequestKind::agent, {}, {}, {}}));
  EXPECT_EQ(parse_request_id(""), CallKeys());
}

TEST(RequestReader, TakesKeysFromTheirPlacesOnlyForAnySplit) {
  const std::string body =
      R"({"request":{"model":"no","contents":[{"labels":{"trajectory_id":"deadbeef0"},"model":"no"}],)"
      R"("labels":{"last_step_index":"6","trajectory_id":"33333333-4444","x":{"trajectory_id":"deadbeef1"}}},)"
      R"("requestType":"checkpoint","model":"models/gemini-3-flash","requestId":"checkpoint/1"})";
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    RequestReader reader;
    reader.feed(as_bytes(body.substr(0, cut)));
    reader.feed(as_bytes(body.substr(cut)));
    ASSERT_EQ(reader.model(), "gemini-3-flash") << cut;
    ASSERT_EQ(reader.request_id(), "checkpoint/1");
    ASSERT_EQ(reader.keys(), (CallKeys{RequestKind::checkpoint, {}, "33333333-4444", 7}));
  }
}

}  // namespace
}  // namespace agp::usage
