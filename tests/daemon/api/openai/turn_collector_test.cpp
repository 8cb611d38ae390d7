#include "daemon/api/openai/turn_collector.h"

#include <gtest/gtest.h>

namespace agp::api::openai {
namespace {

TEST(TurnCollector, GathersATurn) {
  TurnCollector collector;
  for (const TurnEvent& event : std::initializer_list<TurnEvent>{
           TurnStarted{"gemini-3-flash", "c-1"}, ReasoningAppended{"Hm"}, ReasoningAppended{"m."},
           TextAppended{"Hel\xE2\x82"}, TextReplaced{"Bye\xE2\x82"}, TextAppended{"\xAC"}}) {
    collector.feed(event);
    EXPECT_FALSE(collector.is_over());
  }
  collector.feed(TurnFinished{FinishReason::max_tokens, std::nullopt});
  ASSERT_TRUE(collector.is_over());
  collector.feed(TextAppended{"too late"});
  const auto turn = collector.take();
  EXPECT_EQ(turn.model, "gemini-3-flash");
  EXPECT_EQ(turn.cascade_id, "c-1");
  EXPECT_EQ(turn.reasoning, "Hmm.");
  EXPECT_EQ(turn.text, "Bye\xE2\x82\xAC");
  EXPECT_EQ(std::get<TurnFinished>(turn.end).reason, FinishReason::max_tokens);
}

TEST(TurnCollector, AnAnswerBeyondTheLimitFails) {
  for (const TurnEvent& event : std::initializer_list<TurnEvent>{
           TextAppended{"12345"}, TextReplaced{"12345"}, ReasoningAppended{"12345"}}) {
    TurnCollector collector(4);
    collector.feed(event);
    ASSERT_TRUE(collector.is_over());
    EXPECT_EQ(std::get<TurnFailed>(collector.take().end).error.code, "answer_too_large");
  }
}

}  // namespace
}  // namespace agp::api::openai
