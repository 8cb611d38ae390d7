#include "daemon/usage/pace.h"

#include "daemon/usage/call.h"

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

using namespace std::chrono_literals;

Micros at(std::chrono::microseconds time) {
  return Micros(time);
}

TEST(Pace, SortsTimesBetweenChunksByUpperBound) {
  Pace pace;
  pace.add(at(10ms));        // at a bound: in its bucket
  pace.add(at(20ms + 1us));  // just above one
  pace.add(at(100s));        // above all
  EXPECT_EQ(pace.gaps.front(), 1U);
  EXPECT_EQ(pace.gaps[1], 1U);
  EXPECT_EQ(pace.gaps.back(), 1U);
  EXPECT_EQ(pace.gap_sum, 100s);
}

TEST(Pace, AClockThatWasSetBackMakesNoTime) {
  Pace pace;
  pace.first_chunk_at = pace.last_chunk_at = at(5s);
  pace.add(at(4s));
  EXPECT_EQ(pace.gaps.front(), 1U);
  EXPECT_EQ(pace.gap_sum, 0us);
}

class PaceOfCall : public ::testing::Test {
 protected:
  void begin(const char* content_type) {
    ResponseFacts facts;
    facts.http_status = 200;
    facts.content_type = content_type;
    call_.on_response_head(facts);
  }
  void feed(std::string_view body, std::chrono::microseconds time) {
    call_.on_response_body(as_bytes(body), at(time));
  }
  Record end() {
    Call::End end;
    end.body_complete = true;
    return call_.finish(end);
  }

  Call call_{Endpoint{Provider::google, Api::code_assist, Wire::google, false, ""}, CallFacts{}};
};

TEST_F(PaceOfCall, EventsOfAStreamAreItsChunks) {
  begin("text/event-stream");
  feed(": keep-alive\n\n", 1s);
  feed("data: {\"candidates\":[]}\n\ndata: {\"cand", 2s);
  feed("idates\":[]}\n\n", 5s);
  feed("data: [DONE]\n\n", 9s);
  const auto record = end();
  ASSERT_TRUE(record.pace);
  EXPECT_EQ(record.pace->first_chunk_at, at(2s));
  EXPECT_EQ(record.pace->gap_sum, 3s);
  std::uint64_t gaps = 0;
  for (const auto count : record.pace->gaps) {
    gaps += count;
  }
  EXPECT_EQ(gaps, 1U);
}

TEST_F(PaceOfCall, ElementsOfAStreamedArrayAreChunks) {
  begin("application/json");
  feed("[{\"candidates\":[]},", 1s);
  feed("{\"candidates\":[]},{\"candidates\":[]}]", 2s);
  const auto record = end();
  ASSERT_TRUE(record.pace);
  EXPECT_EQ(record.pace->first_chunk_at, at(1s));
  EXPECT_EQ(record.pace->gaps.front(), 1U) << "two of them came at once";
  EXPECT_EQ(record.pace->gap_sum, 1s);
}

TEST_F(PaceOfCall, AnAnswerInOnePieceHasNone) {
  begin("application/json");
  feed("{\"candidates\":[]}", 1s);
  EXPECT_FALSE(end().pace);
}

}  // namespace
}  // namespace agp::usage
