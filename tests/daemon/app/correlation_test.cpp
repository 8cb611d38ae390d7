#include "daemon/app/correlation.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace agp::app {
namespace {

class FakeLedger final : public ledger::Ledger {
 public:
  void append(usage::Record) override {}
  void confirm(ledger::Confirmation confirmation) override {
    confirmed.push_back(std::move(confirmation));
  }
  void append_quota(quota::Sample) override {}
  bool flush(std::chrono::milliseconds) override { return true; }
  Result<ledger::Report> usage(const ledger::Query&) override { return ledger::Report{}; }
  Result<ledger::Page> records(const ledger::PageQuery&) override { return ledger::Page{}; }
  Result<ledger::Summary> summary() override { return ledger::Summary{}; }
  Result<ledger::Totals> totals() override { return ledger::Totals{}; }
  Result<std::vector<quota::Course>> quota(const ledger::QuotaQuery&) override {
    return std::vector<quota::Course>{};
  }
  [[nodiscard]] ledger::Health health() const override { return {}; }
  void subscribe(std::function<void(const usage::Record&)>) override {}

  std::vector<ledger::Confirmation> confirmed;
};

usage::Record call(std::uint32_t uid) {
  usage::Record record;
  record.local_uid = uid;
  record.started_at =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  return record;
}

TEST(Correlation, CallsOfOurAccountAreThoseOfTheLanguageServerThatRuns) {
  FakeLedger ledger;
  Correlation correlation(7, &ledger);
  correlation.on_instance("ls1");
  correlation.on_conversation("ls1", "c");
  correlation.on_trajectory("ls1", "c", "t");
  auto ours = call(7);
  ours.trajectory_id = "t";
  correlation.resolve(&ours);
  EXPECT_EQ(ours.instance, "ls1");
  EXPECT_EQ(ours.cascade_id, "c");
  EXPECT_EQ(ours.cascade_evidence, "trajectory_id");
  auto others = call(8);
  others.trajectory_id = "t";
  correlation.resolve(&others);
  EXPECT_EQ(others.instance, "");
  EXPECT_FALSE(others.cascade_id);
}

TEST(Correlation, TheOnlyTurnAtWorkTakesACallWithoutKeys) {
  FakeLedger ledger;
  Correlation correlation(7, &ledger);
  correlation.on_running("ls1", "c", true);
  auto record = call(7);
  correlation.resolve(&record);
  EXPECT_EQ(record.cascade_source, usage::CascadeSource::inferred);
  correlation.on_running("ls1", "d", true);
  auto second = call(7);
  correlation.resolve(&second);
  EXPECT_EQ(second.cascade_source, usage::CascadeSource::none);
}

TEST(Correlation, WhatTheLanguageServerNamesReachesRecordsBeforeAndBehindTheLedger) {
  FakeLedger ledger;
  Correlation correlation(7, &ledger);
  correlation.on_response("c", "t", {"r", 4});
  ASSERT_EQ(ledger.confirmed.size(), 1U);
  EXPECT_EQ(ledger.confirmed[0].response_id, "r");
  EXPECT_EQ(ledger.confirmed[0].cascade_id, "c");
  EXPECT_EQ(ledger.confirmed[0].trajectory_id, "t");
  EXPECT_EQ(ledger.confirmed[0].step_index, 4U);
  auto late = call(7);
  late.response_id = "r";
  correlation.resolve(&late);
  EXPECT_TRUE(late.cascade_confirmed);
  EXPECT_EQ(late.cascade_id, "c");
  correlation.on_response("c", "", {"s", std::nullopt});
  EXPECT_FALSE(ledger.confirmed[1].trajectory_id);
}

}  // namespace
}  // namespace agp::app
