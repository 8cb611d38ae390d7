#include "daemon/ls/quota_store.h"

#include "daemon/ls/errors.h"

#include <chrono>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

using namespace std::chrono_literals;

const QuotaStore::Steady kNow{1000s};
const QuotaStore::Wall kRead{5000s};

QuotaStore store() {
  QuotaStore out({30s, 5s});
  out.on_owner(1000);
  return out;
}

Account account() {
  Account out;
  out.plan.name = "Pro";
  return out;
}

TEST(QuotaStore, IsAskedAgainOnlyAfterAWhile) {
  auto kept = store();
  EXPECT_TRUE(kept.is_due("a", kNow));
  kept.on_answer("a", account(), kNow, kRead);
  EXPECT_FALSE(kept.is_due("a", kNow + 29s));
  EXPECT_TRUE(kept.is_due("a", kNow + 30s));
  EXPECT_TRUE(kept.is_due("b", kNow)) << "another language server may say something else";
}

TEST(QuotaStore, AFailureIsNotRepeatedAtOnceEither) {
  auto kept = store();
  kept.on_failure("a", {Errc::deadline_exceeded, ""}, kNow);
  EXPECT_FALSE(kept.is_due("a", kNow + 4s));
  EXPECT_TRUE(kept.is_due("a", kNow + 5s));
  EXPECT_EQ(kept.reading().error().code, Errc::deadline_exceeded);
}

TEST(QuotaStore, WhatWasReadStaysWithTheReasonWhyItIsOld) {
  auto kept = store();
  kept.on_answer("a", account(), kNow, kRead);
  ASSERT_TRUE(kept.reading());
  EXPECT_FALSE(kept.reading()->problem);
  kept.on_failure("a", {Errc::unreachable, "gone"}, kNow);
  const auto reading = kept.reading();
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->account->plan.name, "Pro");
  EXPECT_EQ(reading->read_at, kRead);
  EXPECT_EQ(reading->owner, 1000U);
  EXPECT_EQ(reading->problem->code, Errc::unreachable);
}

TEST(QuotaStore, WithoutALanguageServerItIsAskedAsSoonAsThereIsOne) {
  auto kept = store();
  kept.on_answer("a", account(), kNow, kRead);
  kept.on_unavailable({Errc::not_ready, "start the IDE"});
  kept.on_owner(std::nullopt);  // the IDE has gone, and whoever it ran for may still look
  ASSERT_TRUE(kept.reading());
  EXPECT_EQ(kept.reading()->owner, 1000U);
  EXPECT_EQ(kept.reading()->problem->context, "start the IDE");
  EXPECT_TRUE(kept.is_due("a", kNow));
}

TEST(QuotaStore, NothingOfOneLoginIsShownToTheNext) {
  auto kept = store();
  kept.on_answer("a", account(), kNow, kRead);
  kept.on_owner(1001);
  EXPECT_FALSE(kept.reading());
  EXPECT_TRUE(kept.is_due("a", kNow));
}

}  // namespace
}  // namespace agp::ls
