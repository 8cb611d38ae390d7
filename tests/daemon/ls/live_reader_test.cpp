#include "daemon/ls/live_reader.h"

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

TEST(LiveRequest, AsksAsTheMethodWantsIt) {
  const auto agent = live_request(LiveSource::agent_state, "C", "s");
  EXPECT_EQ(agent.method, "StreamAgentStateUpdates");
  EXPECT_EQ(agent.body, R"({"conversationId":"C","subscriberId":"s"})");
  const auto reactive = live_request(LiveSource::reactive, "C", "s");
  EXPECT_EQ(reactive.method, "StreamCascadeReactiveUpdates");
  EXPECT_EQ(reactive.body, R"({"protocolVersion":1,"id":"C","subscriberId":"s"})");
  const auto poll = live_request(LiveSource::poll, "C", "s");
  EXPECT_EQ(poll.method, "GetCascadeTrajectory");
  EXPECT_EQ(poll.body, R"({"cascadeId":"C"})");
}

TEST(LiveReader, ThereIsOneForEachSource) {
  for (const auto source : {LiveSource::agent_state, LiveSource::reactive, LiveSource::poll}) {
    const auto reader = make_live_reader(source, 0);
    ASSERT_TRUE(reader->feed("{}"));
    EXPECT_TRUE(reader->state().steps.empty());
  }
}

}  // namespace
}  // namespace agp::ls
