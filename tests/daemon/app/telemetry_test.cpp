#include "daemon/app/telemetry.h"

#include "tests/daemon/api/fake_ledger.h"
#include "tests/daemon/metrics/support.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace agp::app {
namespace {

using namespace std::chrono_literals;
using metrics::test::at;
using metrics::test::call;

constexpr const char* kFarAway = "2099-01-01T00:00:00Z";

ls::Allowance left(double share, const char* resets_at) {
  ls::Allowance out;
  out.remaining = ls::Fraction::of(share);
  out.resets_at = resets_at;
  return out;
}

ls::ModelQuota model(const std::string& id, ls::Allowance allowance) {
  ls::ModelQuota out;
  out.id = id;
  out.allowance = std::move(allowance);
  return out;
}

TEST(QuotaGauges, PoolsAndModelsHaveTheirShares) {
  ls::Account account;
  account.pools.push_back({"Gemini Models", {{"gemini-5h", "", "", "5h", left(0.25, kFarAway)}}});
  account.models.push_back(model("gemini-3-flash", left(1, kFarAway)));
  const auto gauges = quota_gauges(account, at(0s));
  ASSERT_EQ(gauges.size(), 2U);
  EXPECT_EQ(gauges[0].pool, "Gemini Models");
  EXPECT_EQ(gauges[0].window, "5h");
  EXPECT_EQ(gauges[0].remaining, 0.25);
  EXPECT_EQ(gauges[0].resets_at, at(4'070'908'800s));
  EXPECT_EQ(gauges[1].model, "gemini-3-flash");
  EXPECT_EQ(gauges[1].remaining, 1);
}

TEST(QuotaGauges, WhatIsNotKnownOrOverHasNoShare) {
  ls::Account account;
  account.models.push_back(model("silent", {}));
  account.models.push_back(model("over", left(0.5, "2020-01-01T00:00:00Z")));
  for (const auto& gauge : quota_gauges(account, at(std::chrono::years(53)))) {
    EXPECT_FALSE(gauge.remaining) << gauge.model;
    EXPECT_FALSE(gauge.resets_at) << gauge.model;
  }
}

TEST(QuotaGauges, AreBoundedAndEachIsThereOnce) {
  ls::Account account;
  for (int i = 0; i < 1'000; ++i) {
    account.models.push_back(model("m" + std::to_string(i / 2), left(0.5, kFarAway)));
    account.pools.push_back(
        {"p" + std::to_string(i / 2), {{"", "", "", "5h", left(0.5, kFarAway)}}});
  }
  EXPECT_EQ(quota_gauges(account, at(0s)).size(), 2 * kMostQuotaGauges);
}

class TelemetryTest : public ::testing::Test {
 protected:
  daemon_config::Config config_;
  api::test::FakeLedger ledger_;
};

TEST_F(TelemetryTest, TotalsAreTheLedgersAndWhatIsCommittedAfterwards) {
  Telemetry telemetry(config_, &ledger_, "/nonexistent/usage.db");
  EXPECT_FALSE(telemetry.report(at(0s)).totals);
  telemetry.ask_ledger();
  EXPECT_FALSE(telemetry.on_commit(call(1, "m")));
  const auto report = telemetry.report(at(0s));
  ASSERT_TRUE(report.totals);
  ASSERT_EQ(report.totals->size(), 1U);
  EXPECT_EQ(report.totals->begin()->second.sums.calls, 1U);
  EXPECT_EQ(report.times.by_series.size(), 1U);
  EXPECT_FALSE(report.ledger_bytes) << "there is no such file";
  EXPECT_TRUE(report.quota.empty());
}

TEST_F(TelemetryTest, ConfigurationDecidesNamesAndPorts) {
  config_.telemetry.genai_semconv = daemon_config::GenAiSemconv::both;
  config_.capture_reverse.push_back({{}, "api.example.com", 8443});
  const Telemetry telemetry(config_, &ledger_, "");
  const auto report = telemetry.report(at(0s));
  EXPECT_EQ(report.semconv, metrics::Semconv::both);
  EXPECT_EQ(report.ports.at("api.example.com"), 8443);
}

TEST_F(TelemetryTest, OnlyNamedUsersMayScrape) {
  config_.telemetry.scrape_users = {"no-such-user-here", "root"};
  const Telemetry telemetry(config_, &ledger_, "");
  EXPECT_TRUE(telemetry.may_scrape(0));
  EXPECT_FALSE(telemetry.may_scrape(65'534));
}

TEST_F(TelemetryTest, TheLedgerIsAsLargeAsItsFiles) {
  const auto file = ::testing::TempDir() + "telemetry_test.db";
  std::ofstream(file) << "12345";
  std::ofstream(file + "-wal") << "123";
  EXPECT_EQ(Telemetry(config_, &ledger_, file).report(at(0s)).ledger_bytes, 8U);
  (void)std::remove(file.c_str());
  (void)std::remove((file + "-wal").c_str());
}

}  // namespace
}  // namespace agp::app
