#pragma once

#include "daemon/ledger/ledger.h"

#include <utility>
#include <vector>

namespace agp::api::test {

/// Answers what it is told to and remembers what it was asked.
class FakeLedger final : public ledger::Ledger {
 public:
  void append(usage::Record record) override {
    for (const auto& committed : subscribers) {
      committed(record);
    }
  }
  void confirm(ledger::Confirmation confirmation) override {
    confirmed.push_back(std::move(confirmation));
  }
  void append_quota(quota::Sample sample) override { sampled.push_back(std::move(sample)); }
  bool flush(std::chrono::milliseconds) override { return true; }
  Result<ledger::Report> usage(const ledger::Query& query) override {
    asked = query;
    return report;
  }
  Result<ledger::Page> records(const ledger::PageQuery& query) override {
    asked_page = query;
    return page;
  }
  Result<ledger::Summary> summary() override { return ledger::Summary{}; }
  Result<ledger::Totals> totals() override { return ledger::Totals{}; }
  Result<std::vector<quota::Course>> quota(const ledger::QuotaQuery& query) override {
    asked_quota = query;
    return courses;
  }
  [[nodiscard]] ledger::Health health() const override { return {}; }
  void subscribe(std::function<void(const usage::Record&)> committed) override {
    subscribers.push_back(std::move(committed));
  }

  Result<ledger::Report> report = ledger::Report{};
  Result<ledger::Page> page = ledger::Page{};
  Result<std::vector<quota::Course>> courses = std::vector<quota::Course>{};
  ledger::Query asked;
  ledger::PageQuery asked_page;
  ledger::QuotaQuery asked_quota;
  std::vector<quota::Sample> sampled;
  std::vector<ledger::Confirmation> confirmed;
  std::vector<std::function<void(const usage::Record&)>> subscribers;
};

inline ledger::Sums some_sums() {
  ledger::Sums sums;
  sums.calls = 2;
  sums.ok = 2;
  sums.input_total = 100;
  sums.input_uncached = 60;
  sums.cached_input = 40;
  sums.output_total = 23;
  sums.reasoning = 3;
  sums.total = 123;
  sums.unpriced = 2;
  return sums;
}

}  // namespace agp::api::test
