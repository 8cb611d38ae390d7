#include "daemon/ledger/confirmations.h"

#include "daemon/usage/flags.h"
#include "tests/daemon/ledger/support.h"

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

const Confirmation kConfirmation{"r", "c-1", "t-1", 7};

TEST(Confirmations, TieARecordThatWasTiedToNothing) {
  auto record = test::call("1", "m", 1, 1);
  EXPECT_TRUE(apply(kConfirmation, record));
  EXPECT_EQ(record.cascade_id, "c-1");
  EXPECT_EQ(record.cascade_source, usage::CascadeSource::exact);
  EXPECT_TRUE(record.cascade_confirmed);
  EXPECT_EQ(record.cascade_evidence, "response_id");
  EXPECT_EQ(record.trajectory_id, "t-1");
  EXPECT_EQ(record.step_index, 7U);
  EXPECT_FALSE(apply(kConfirmation, record)) << "a second time changes nothing";
}

TEST(Confirmations, CorrectAGuessWithAllThatWasGuessedAlong) {
  auto record = test::call("1", "m", 1, 1);
  record.cascade_id = "c-2";
  record.cascade_source = usage::CascadeSource::inferred;
  record.trajectory_id = "t-2";
  record.step_index = 3;
  EXPECT_TRUE(apply({"r", "c-1", std::nullopt, std::nullopt}, record));
  EXPECT_EQ(record.cascade_id, "c-1");
  EXPECT_FALSE(record.trajectory_id);
  EXPECT_FALSE(record.step_index);
}

TEST(Confirmations, LeaveWhatTheRequestSaidItself) {
  auto record = test::call("1", "m", 1, 1);
  record.cascade_id = "c-1";
  record.cascade_source = usage::CascadeSource::exact;
  record.trajectory_id = "t-9";
  EXPECT_TRUE(apply(kConfirmation, record));
  EXPECT_TRUE(record.cascade_confirmed);
  EXPECT_EQ(record.trajectory_id, "t-9");
  EXPECT_EQ(record.step_index, 7U);
}

TEST(Confirmations, FlagAnotherCascadeAndKeepTheExactOne) {
  auto record = test::call("1", "m", 1, 1);
  record.cascade_id = "c-2";
  record.cascade_source = usage::CascadeSource::exact;
  EXPECT_TRUE(apply(kConfirmation, record));
  EXPECT_EQ(record.cascade_id, "c-2");
  EXPECT_FALSE(record.cascade_confirmed);
  EXPECT_EQ(record.flags.count(usage::flag::kCascadeMismatch), 1U);
  EXPECT_FALSE(apply(kConfirmation, record));
}

TEST(RecentResponses, FindsAllOfOneIdAndForgetsTheOldest) {
  RecentResponses recent(3);
  recent.add("a", 1);
  recent.add("b", 2);
  recent.add("", 3);
  recent.add("a", 4);
  EXPECT_EQ(recent.find("a").size(), 2U);
  recent.add("c", 5);
  EXPECT_EQ(recent.find("a"), (std::vector<std::uint64_t>{4}));
  EXPECT_EQ(recent.size(), 3U);
}

TEST(EarlyConfirmations, KeepTheNewestUpToTheirLimit) {
  EarlyConfirmations early(2);
  early.keep({"a", "1", {}, {}});
  early.keep({"b", "1", {}, {}});
  early.keep({"a", "2", {}, {}});
  early.keep({"c", "1", {}, {}});
  EXPECT_EQ(early.size(), 2U);
  EXPECT_EQ(early.find("b"), nullptr);
  ASSERT_NE(early.find("a"), nullptr);
  EXPECT_EQ(early.find("a")->cascade_id, "2");
  early.forget("a");
  EXPECT_EQ(early.find("a"), nullptr);
}

}  // namespace
}  // namespace agp::ledger
