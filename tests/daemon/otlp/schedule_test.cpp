#include "daemon/otlp/schedule.h"

#include <gtest/gtest.h>

namespace agp::otlp {
namespace {

using namespace std::chrono_literals;
using Task = Schedule::Task;

const Schedule::Time kStart{1000s};

TEST(OtlpSchedule, GathersOncePerInterval) {
  Schedule schedule(kStart, 60s);
  EXPECT_EQ(schedule.next(kStart, false).task, Task::wait);
  EXPECT_EQ(schedule.next(kStart, false).until, kStart + 60s);
  EXPECT_EQ(schedule.next(kStart + 60s, false).task, Task::gather);
  schedule.on_gathered(kStart + 60s);
  EXPECT_EQ(schedule.next(kStart + 60s, false).until, kStart + 120s);
}

TEST(OtlpSchedule, DoesNotCatchUp) {
  Schedule schedule(kStart, 60s);
  schedule.on_gathered(kStart + 1h);
  EXPECT_EQ(schedule.next(kStart + 1h, false).until, kStart + 1h + 60s);
}

TEST(OtlpSchedule, WhatWaitsIsSentAtOnceAndOneAfterTheOther) {
  Schedule schedule(kStart, 60s);
  EXPECT_EQ(schedule.next(kStart, true).task, Task::send);
  schedule.on_accepted();
  EXPECT_EQ(schedule.next(kStart, true).task, Task::send);
}

TEST(OtlpSchedule, ThePauseDoublesUpToItsEnd) {
  Schedule schedule(kStart, 1h);
  auto expected = Schedule::kFirstPause;
  for (int i = 0; i < 200; ++i) {
    schedule.on_failure(kStart, {}, 1);
    EXPECT_EQ(schedule.next(kStart, true).until, kStart + expected) << i;
    EXPECT_FALSE(schedule.may_send(kStart));
    EXPECT_TRUE(schedule.may_send(kStart + expected));
    expected = std::min(2 * expected, Schedule::kLongestPause);
  }
  EXPECT_EQ(schedule.failures(), 200U);
  schedule.on_accepted();
  EXPECT_EQ(schedule.failures(), 0U);
  schedule.on_failure(kStart, {}, 0);
  EXPECT_EQ(schedule.next(kStart, true).until, kStart + Schedule::kFirstPause / 2);
}

TEST(OtlpSchedule, TheReceiversWishCountsWhereItIsLonger) {
  Schedule schedule(kStart, 1h);
  schedule.on_failure(kStart, 10min, 1);
  EXPECT_EQ(schedule.next(kStart, true).until, kStart + 10min);
  Schedule other(kStart, 1h);
  other.on_failure(kStart, 0s, 1);
  EXPECT_EQ(other.next(kStart, true).until, kStart + Schedule::kFirstPause);
}

TEST(OtlpSchedule, GathersWhileTheReceiverIsLeftAlone) {
  Schedule schedule(kStart, 60s);
  schedule.on_failure(kStart, 10min, 1);
  EXPECT_EQ(schedule.next(kStart, true).until, kStart + 60s);
  EXPECT_EQ(schedule.next(kStart + 60s, true).task, Task::gather);
}

}  // namespace
}  // namespace agp::otlp
