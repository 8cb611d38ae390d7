#include "daemon/api/turn_queue.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using openai::ReasoningAppended;
using openai::TextAppended;
using openai::TextReplaced;
using openai::TurnStarted;

TEST(TurnQueue, TextsThatFollowEachOtherBecomeOne) {
  TurnQueue queue(100);
  queue.push(TurnStarted{"m", "c"});
  queue.push(TextAppended{"a"});
  queue.push(TextAppended{"b"});
  queue.push(ReasoningAppended{"x"});
  queue.push(ReasoningAppended{"y"});
  queue.push(TextAppended{"c"});
  const auto events = queue.take();
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(std::get<TextAppended>(events[1]).text, "ab");
  EXPECT_EQ(std::get<ReasoningAppended>(events[2]).text, "xy");
  EXPECT_EQ(std::get<TextAppended>(events[3]).text, "c");
  EXPECT_TRUE(queue.take().empty());
}

TEST(TurnQueue, ANewTextTakesThePlaceOfThoseBefore) {
  TurnQueue queue(100);
  queue.push(TextAppended{"a"});
  queue.push(ReasoningAppended{"x"});
  queue.push(TextReplaced{"new"});
  queue.push(TextAppended{"er"});
  const auto events = queue.take();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<TextReplaced>(events[1]).text, "newer");
}

TEST(TurnQueue, OverflowsBehindAReaderThatTakesNothing) {
  TurnQueue queue(4);
  queue.push(TextReplaced{"far more than the limit"});  // one event is always taken
  EXPECT_FALSE(queue.has_overflown());
  EXPECT_EQ(queue.take().size(), 1U);
  queue.push(TextAppended{"12345"});
  EXPECT_FALSE(queue.has_overflown());
  queue.push(TextAppended{"6"});
  EXPECT_TRUE(queue.has_overflown());
  EXPECT_EQ(std::get<TextAppended>(queue.take().at(0)).text, "12345");
}

TEST(TurnQueue, RewritingOverAndOverCostsNoMore) {
  TurnQueue queue(10);
  for (int i = 0; i < 100; ++i) {
    queue.push(TextReplaced{"12345678"});
  }
  EXPECT_FALSE(queue.has_overflown());
  EXPECT_EQ(queue.take().size(), 1U);
}

}  // namespace
}  // namespace agp::api
