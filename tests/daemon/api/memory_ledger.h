#pragma once

#include "daemon/ledger/ledger.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agp::api::test {

/// Keeps records in memory and answers page questions as the real ledger does. Thread-safe.
class MemoryLedger final : public ledger::Ledger {
 public:
  void append(usage::Record record) override {
    std::vector<std::function<void(const usage::Record&)>> told;
    {
      const std::lock_guard lock(mutex_);
      record.sequence = ++sequence_;
      if (record.id.empty()) {
        record.id = "01-" + std::to_string(1'000'000 + record.sequence);
      }
      kept_.push_back(record);
      told = is_silent_ ? std::vector<std::function<void(const usage::Record&)>>() : subscribers_;
    }
    for (const auto& committed : told) {
      committed(record);
    }
  }
  void confirm(ledger::Confirmation) override {}
  void append_quota(quota::Sample) override {}
  bool flush(std::chrono::milliseconds) override { return true; }
  Result<ledger::Report> usage(const ledger::Query& query) override {
    const std::lock_guard lock(mutex_);
    ledger::Report report;
    for (const auto& record : kept_) {
      if (matches(record, query.filter)) {
        ++report.totals.calls;
        report.totals.usage_unknown += record.usage ? 0U : 1U;
        report.totals.total += record.usage ? record.usage->total : 0U;
      }
    }
    return report;
  }
  Result<ledger::Page> records(const ledger::PageQuery& query) override {
    const std::lock_guard lock(mutex_);
    ++questions_;
    if (fails_from_ != 0 && questions_ >= fails_from_) {
      return Error(ledger::Errc::damaged, "test");
    }
    std::vector<const usage::Record*> sorted;
    for (const auto& record : kept_) {
      sorted.push_back(&record);
    }
    if (query.order == ledger::Order::newest_first) {
      std::sort(sorted.begin(), sorted.end(),
                [](const auto* a, const auto* b) { return a->id > b->id; });
    }
    const auto sequence =
        query.cursor && query.order == ledger::Order::by_commit ? std::stoull(*query.cursor) : 0;
    ledger::Page page;
    for (const auto* each : sorted) {
      const auto& record = *each;
      if (!is_after(record, query, sequence) || !matches(record, query.filter)) {
        continue;
      }
      if (page.records.size() == query.limit) {
        page.next = query.order == ledger::Order::by_commit
                        ? std::to_string(page.records.back().sequence)
                        : page.records.back().id;
        break;
      }
      page.records.push_back(record);
    }
    largest_page_ = std::max(largest_page_, page.records.size());
    return page;
  }
  Result<ledger::Summary> summary() override {
    const std::lock_guard lock(mutex_);
    if (fails_from_ != 0 && questions_ + 1 >= fails_from_) {
      return Error(ledger::Errc::damaged, "test");
    }
    ledger::Summary summary;
    summary.records = kept_.size();
    summary.last_sequence = sequence_;
    return summary;
  }
  Result<ledger::Totals> totals() override { return ledger::Totals{}; }
  Result<std::vector<quota::Course>> quota(const ledger::QuotaQuery&) override {
    return std::vector<quota::Course>{};
  }
  [[nodiscard]] ledger::Health health() const override { return {}; }
  void subscribe(std::function<void(const usage::Record&)> committed) override {
    const std::lock_guard lock(mutex_);
    subscribers_.push_back(std::move(committed));
  }

  /// The n-th question for a page and all later ones fail.
  void fail_from(std::size_t question) {
    const std::lock_guard lock(mutex_);
    fails_from_ = question;
    questions_ = 0;
  }
  /// Records age away; their places are not given again.
  void forget_all() {
    const std::lock_guard lock(mutex_);
    kept_.clear();
  }
  /// The file is moved away and a new one made.
  void replace() {
    const std::lock_guard lock(mutex_);
    kept_.clear();
    sequence_ = 0;
  }
  /// Subscribers are not told of what is appended.
  void be_silent(bool is_silent = true) {
    const std::lock_guard lock(mutex_);
    is_silent_ = is_silent;
  }
  [[nodiscard]] std::size_t questions() const {
    const std::lock_guard lock(mutex_);
    return questions_;
  }
  [[nodiscard]] std::size_t largest_page() const { return largest_page_; }

 private:
  static bool is_after(const usage::Record& record,
                       const ledger::PageQuery& query,
                       std::uint64_t sequence) {
    return !query.cursor || (query.order == ledger::Order::by_commit ? record.sequence > sequence
                                                                     : record.id < *query.cursor);
  }
  static bool matches(const usage::Record& record, const ledger::Filter& filter) {
    const auto is_wanted_owner = [&] {
      return record.owner_uid && std::find(filter.owners->begin(), filter.owners->end(),
                                           *record.owner_uid) != filter.owners->end();
    };
    return (!filter.owners || is_wanted_owner()) &&
           (!filter.uid || record.local_uid == *filter.uid) &&
           (!filter.model || record.model == filter.model) &&
           (!filter.cascade || record.cascade_id == filter.cascade) &&
           (!filter.provider || record.provider == *filter.provider) &&
           (!filter.host || record.host == *filter.host) &&
           (!filter.since || record.started_at >= *filter.since) &&
           (!filter.until || record.started_at < *filter.until);
  }

  mutable std::mutex mutex_;
  std::vector<usage::Record> kept_;
  std::vector<std::function<void(const usage::Record&)>> subscribers_;
  std::uint64_t sequence_ = 0;
  std::size_t questions_ = 0;
  std::size_t fails_from_ = 0;
  std::size_t largest_page_ = 0;
  bool is_silent_ = false;
};

}  // namespace agp::api::test
