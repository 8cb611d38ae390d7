#include "daemon/quota/pace.h"

#include <gtest/gtest.h>

namespace agp::quota {
namespace {

using namespace std::chrono_literals;

constexpr Pace::Time kStart{};

TEST(QuotaPace, WithoutCallsNobodyIsAsked) {
  Pace pace(5min);
  EXPECT_FALSE(pace.next());
  pace.on_look(kStart);
  pace.on_answer(kStart);
  EXPECT_FALSE(pace.next());
}

TEST(QuotaPace, ACallIsLookedAtOnceItIsCharged) {
  Pace pace(5min);
  pace.on_call(kStart);
  EXPECT_EQ(pace.next(), kStart + 30s);
  pace.on_look(kStart + 30s);
  pace.on_answer(kStart + 30s);
  EXPECT_FALSE(pace.next()) << "and then no more";
}

TEST(QuotaPace, ManyCallsMakeOneLookInThatTimeAndOneAtTheEnd) {
  Pace pace(5min);
  int looks = 0;
  for (auto now = kStart; now < kStart + 3h; now += 1s) {
    if (now < kStart + 1h) {
      pace.on_call(now);
    }
    if (pace.next() && *pace.next() <= now) {
      ++looks;
      pace.on_look(now);
      pace.on_answer(now);
    }
  }
  EXPECT_EQ(looks, 13);
}

TEST(QuotaPace, AnAnswerThatSomebodyElseWantedSavesOne) {
  Pace pace(5min);
  pace.on_call(kStart);
  pace.on_look(kStart + 10s);
  pace.on_answer(kStart + 10s);
  EXPECT_EQ(pace.next(), kStart + 10s + 5min) << "too early for the call to show";
  pace.on_look(kStart + 40s);
  pace.on_answer(kStart + 40s);
  EXPECT_FALSE(pace.next());
}

TEST(QuotaPace, ALanguageServerThatDoesNotAnswerIsGivenUpAfterAnHour) {
  Pace pace(5min);
  pace.on_call(kStart);
  int looks = 0;
  while (const auto next = pace.next()) {
    ASSERT_LT(++looks, 100);
    pace.on_look(*next);
  }
  EXPECT_EQ(looks, 13);
  pace.on_call(kStart + 5h);
  EXPECT_TRUE(pace.next());
}

TEST(QuotaPace, WhoWantsItFasterDoesNotWaitForTheCharge) {
  Pace pace(1s);
  pace.on_call(kStart);
  EXPECT_EQ(pace.next(), kStart + 1s);
}

TEST(QuotaPace, ZeroMeansNever) {
  Pace pace(0s);
  pace.on_call(kStart);
  EXPECT_FALSE(pace.next());
}

}  // namespace
}  // namespace agp::quota
