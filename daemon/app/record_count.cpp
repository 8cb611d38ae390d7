#include "daemon/app/record_count.h"

#include <algorithm>
#include <utility>

namespace agp::app {

void RecordCount::on_commit(const usage::Record& record) {
  const std::lock_guard lock(mutex_);
  last_started_at_ = record.started_at;
  if (record.sequence <= announced_up_to_) {
    // Places begin again: the file was moved away, and this is the first record of a new one.
    records_ = 0;
    answered_up_to_ = 0;
    early_.clear();
  }
  announced_up_to_ = record.sequence;
  if (!has_begun_) {
    early_.push_back(record.sequence);
  } else if (record.sequence > answered_up_to_) {
    ++records_;
  }
}

void RecordCount::begin_with(const std::optional<ledger::Summary>& summary) {
  const std::lock_guard lock(mutex_);
  const auto known = summary.value_or(ledger::Summary{});
  const auto early = std::exchange(early_, {});
  has_begun_ = true;
  answered_up_to_ = known.last_sequence;
  records_ = known.records + static_cast<std::uint64_t>(std::count_if(
                                 early.begin(), early.end(), [&](std::uint64_t sequence) {
                                   return sequence > answered_up_to_;
                                 }));
  if (!last_started_at_) {
    last_started_at_ = known.last_started_at;
  }
}

ledger::Summary RecordCount::summary() const {
  const std::lock_guard lock(mutex_);
  ledger::Summary summary;
  summary.records = records_;
  summary.last_started_at = last_started_at_;
  summary.last_sequence = std::max(answered_up_to_, announced_up_to_);
  return summary;
}

}  // namespace agp::app
