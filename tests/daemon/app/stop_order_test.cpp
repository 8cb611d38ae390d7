#include "daemon/app/stop_order.h"

#include <gtest/gtest.h>

namespace agp::app {
namespace {

using Step = StopOrder::Step;

TEST(StopOrder, OldStreamsThenYoungOnesThenTheLanguageServerThenTheRest) {
  StopOrder order;
  EXPECT_FALSE(order.is_stopping());
  EXPECT_EQ(order.on_request(), Step::end_old);
  EXPECT_TRUE(order.is_stopping());
  EXPECT_EQ(order.on_old_ended(), Step::drain);
  EXPECT_EQ(order.on_drained(true), Step::stop_ls);
  EXPECT_EQ(order.on_ls_stopped(), Step::finish);
}

TEST(StopOrder, WithoutALanguageServerTheEndFollowsTheStreams) {
  StopOrder order;
  EXPECT_EQ(order.on_request(), Step::end_old);
  EXPECT_EQ(order.on_old_ended(), Step::drain);
  EXPECT_EQ(order.on_drained(false), Step::finish);
}

TEST(StopOrder, ASecondRequestEndsItAtOnceAndAThirdDoesNothing) {
  for (const int steps : {0, 1, 2}) {
    StopOrder order;
    EXPECT_EQ(order.on_request(), Step::end_old);
    if (steps > 0) {
      EXPECT_EQ(order.on_old_ended(), Step::drain);
    }
    if (steps > 1) {
      EXPECT_EQ(order.on_drained(true), Step::stop_ls);
    }
    EXPECT_EQ(order.on_request(), Step::finish);
    EXPECT_EQ(order.on_request(), Step::none);
    EXPECT_EQ(order.on_old_ended(), Step::none);
    EXPECT_EQ(order.on_drained(true), Step::none);
    EXPECT_EQ(order.on_ls_stopped(), Step::none);
  }
}

// systemctl restart while the daemon lets streams end because it has lost the bus.
TEST(StopOrder, TheFirstRequestDuringAStopOfItsOwnCutsNoStream) {
  StopOrder order;
  EXPECT_EQ(order.on_own_accord(), Step::end_old);
  EXPECT_EQ(order.on_own_accord(), Step::none);
  EXPECT_FALSE(order.is_asked_for());
  EXPECT_EQ(order.on_request(), Step::none);
  EXPECT_TRUE(order.is_asked_for());
  EXPECT_EQ(order.on_old_ended(), Step::drain);
  EXPECT_EQ(order.on_own_accord(), Step::none);
  EXPECT_EQ(order.on_request(), Step::finish);
  EXPECT_EQ(order.on_request(), Step::none);
}

TEST(StopOrder, ASupervisorThatEndsByItselfCutsNoStream) {
  StopOrder order;
  EXPECT_EQ(order.on_ls_stopped(), Step::none);
  EXPECT_EQ(order.on_request(), Step::end_old);
  EXPECT_EQ(order.on_ls_stopped(), Step::none);
  EXPECT_EQ(order.on_old_ended(), Step::drain);
  EXPECT_EQ(order.on_ls_stopped(), Step::none);
  EXPECT_EQ(order.on_drained(false), Step::finish);
}

TEST(StopOrder, TheTimeLimitAndTheLastStreamMayBothComeAndCountOnce) {
  StopOrder order;
  EXPECT_EQ(order.on_drained(true), Step::none);
  EXPECT_EQ(order.on_old_ended(), Step::none);
  EXPECT_EQ(order.on_request(), Step::end_old);
  EXPECT_EQ(order.on_drained(true), Step::none);
  EXPECT_EQ(order.on_old_ended(), Step::drain);
  EXPECT_EQ(order.on_old_ended(), Step::none);
  EXPECT_EQ(order.on_drained(true), Step::stop_ls);
  EXPECT_EQ(order.on_drained(true), Step::none);
}

}  // namespace
}  // namespace agp::app
