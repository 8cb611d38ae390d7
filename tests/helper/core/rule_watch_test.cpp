#include "helper/core/rule_watch.h"

#include <gtest/gtest.h>

namespace agp::core {
namespace {

using std::chrono::milliseconds;
using TimePoint = RuleWatch::TimePoint;

constexpr RuleWatch::Pace kPace;
const TimePoint kStart = TimePoint() + std::chrono::hours(1);

RuleWatch listening() {
  RuleWatch watch;
  watch.set(true, true, kStart);
  return watch;
}

TEST(RuleWatch, LooksAtNothingWhileThereIsNothingToKeep) {
  RuleWatch watch;
  watch.on_change(kStart);
  EXPECT_FALSE(watch.due());
  watch.set(true, true, kStart);
  EXPECT_EQ(watch.due(), kStart + kPace.safety) << "what came before was seen by who set it up";
  watch.set(false, true, kStart);
  EXPECT_FALSE(watch.due());
}

TEST(RuleWatch, ABurstIsOneLook) {
  auto watch = listening();
  const auto burst = kStart + milliseconds(5000);
  for (int i = 0; i < 50; ++i) {
    watch.on_change(burst + milliseconds(i));
  }
  const auto last = burst + milliseconds(49);
  EXPECT_EQ(watch.due(), last + kPace.quiet);
  watch.on_looked(last + milliseconds(60));
  EXPECT_EQ(watch.due(), last + milliseconds(60) + kPace.safety);
}

TEST(RuleWatch, ABurstWithoutEndIsNotWaitedFor) {
  auto watch = listening();
  const auto burst = kStart + milliseconds(5000);
  for (int i = 0; i < 1000; ++i) {
    watch.on_change(burst + milliseconds(i));
    EXPECT_LE(*watch.due(), burst + kPace.longest);
  }
}

TEST(RuleWatch, ChangesWithoutEndLeaveAPauseBetweenLooks) {
  auto watch = listening();
  auto now = kStart + milliseconds(5000);
  int looks = 0;
  for (int i = 0; i < 1000; ++i) {
    now += milliseconds(1);
    watch.on_change(now);
    if (now >= *watch.due()) {
      watch.on_looked(now);
      ++looks;
    }
  }
  EXPECT_GE(looks, 4);
  EXPECT_LE(looks, 6);
}

// From the first message to the look, whatever else happens: the repair has the rest of the second.
TEST(RuleWatch, NoChangeWaitsLongerThanAThirdOfASecond) {
  for (int since_look = 0; since_look < 400; since_look += 7) {
    auto watch = listening();
    const auto change = kStart + milliseconds(since_look);
    watch.on_change(change);
    EXPECT_LE(*watch.due(), change + milliseconds(300)) << since_look;
    watch.on_change(change + milliseconds(99));
    EXPECT_LE(*watch.due(), change + milliseconds(300)) << since_look;
  }
}

TEST(RuleWatch, OurOwnChangeIsOneMoreLookAndNoLoop) {
  auto watch = listening();
  const auto repair = kStart + milliseconds(5000);
  watch.on_looked(repair);  // it changed something,
  watch.on_change(repair);  // which the kernel announces
  ASSERT_EQ(watch.due(), repair + kPace.pause);
  watch.on_looked(repair + kPace.pause);  // this one found all in place
  EXPECT_EQ(watch.due(), repair + kPace.pause + kPace.safety);
}

TEST(RuleWatch, LostAnnouncementsAreLookedAtNow) {
  auto watch = listening();
  const auto now = kStart + milliseconds(5000);
  watch.on_overrun(now);
  EXPECT_EQ(watch.due(), now);
  watch.on_looked(now);
  EXPECT_EQ(watch.due(), now + kPace.safety);
}

TEST(RuleWatch, WithoutAnnouncementsItLooksWithinEachSecond) {
  RuleWatch watch;
  watch.set(true, false, kStart);
  EXPECT_EQ(watch.due(), kStart + kPace.unheard);
  EXPECT_LT(kPace.unheard, milliseconds(1000));
  watch.set(true, true, kStart + milliseconds(1));
  EXPECT_EQ(watch.due(), kStart + kPace.safety) << "they came back";
  watch.set(true, false, kStart + milliseconds(2));
  EXPECT_EQ(watch.due(), kStart + kPace.unheard) << "they broke";
}

}  // namespace
}  // namespace agp::core
