#include "daemon/app/stop_order.h"

#include <gtest/gtest.h>

namespace agp::app {
namespace {

using Step = StopOrder::Step;

TEST(StopOrder, StreamsThenTheLanguageServerThenTheRest) {
  StopOrder order;
  EXPECT_FALSE(order.is_stopping());
  EXPECT_EQ(order.on_request(), Step::drain);
  EXPECT_TRUE(order.is_stopping());
  EXPECT_EQ(order.on_drained(true), Step::stop_ls);
  EXPECT_EQ(order.on_ls_stopped(), Step::finish);
}

TEST(StopOrder, WithoutALanguageServerTheEndFollowsTheStreams) {
  StopOrder order;
  EXPECT_EQ(order.on_request(), Step::drain);
  EXPECT_EQ(order.on_drained(false), Step::finish);
}

TEST(StopOrder, ASecondRequestEndsItAtOnceAndAThirdDoesNothing) {
  for (const bool is_drained : {false, true}) {
    StopOrder order;
    EXPECT_EQ(order.on_request(), Step::drain);
    if (is_drained) {
      EXPECT_EQ(order.on_drained(true), Step::stop_ls);
    }
    EXPECT_EQ(order.on_request(), Step::finish);
    EXPECT_EQ(order.on_request(), Step::none);
    EXPECT_EQ(order.on_drained(true), Step::none);
    EXPECT_EQ(order.on_ls_stopped(), Step::none);
  }
}

TEST(StopOrder, ASupervisorThatEndsByItselfCutsNoStream) {
  StopOrder order;
  EXPECT_EQ(order.on_ls_stopped(), Step::none);
  EXPECT_EQ(order.on_request(), Step::drain);
  EXPECT_EQ(order.on_ls_stopped(), Step::none);
  EXPECT_EQ(order.on_drained(false), Step::finish);
}

TEST(StopOrder, TheTimeLimitAndTheLastStreamMayBothComeAndCountOnce) {
  StopOrder order;
  EXPECT_EQ(order.on_drained(true), Step::none);
  EXPECT_EQ(order.on_request(), Step::drain);
  EXPECT_EQ(order.on_drained(true), Step::stop_ls);
  EXPECT_EQ(order.on_drained(true), Step::none);
}

}  // namespace
}  // namespace agp::app
