#include "daemon/ledger/confirmations.h"

#include "daemon/usage/flags.h"

namespace agp::ledger {

bool apply(const Confirmation& confirmation, usage::Record& record) {
  const bool is_same = record.cascade_id == confirmation.cascade_id;
  if (!is_same && record.cascade_id && record.cascade_source == usage::CascadeSource::exact) {
    return record.flags.insert(usage::flag::kCascadeMismatch).second;
  }
  const auto before = record;
  if (!is_same) {
    // Guessed along with the other cascade.
    record.trajectory_id.reset();
    record.step_index.reset();
    record.cascade_evidence = "response_id";
  }
  const bool was_exact = record.cascade_source == usage::CascadeSource::exact;
  record.cascade_id = confirmation.cascade_id;
  record.cascade_source = usage::CascadeSource::exact;
  record.cascade_confirmed = true;
  if (confirmation.trajectory_id && (!was_exact || !record.trajectory_id)) {
    record.trajectory_id = confirmation.trajectory_id;
  }
  if (confirmation.step_index && (!was_exact || !record.step_index)) {
    record.step_index = confirmation.step_index;
  }
  return record != before;
}

void RecentResponses::add(const std::string& response_id, std::uint64_t sequence) {
  if (response_id.empty()) {
    return;
  }
  while (order_.size() >= limit_) {
    const auto [first, last] = sequences_.equal_range(order_.front().first);
    for (auto it = first; it != last; ++it) {
      if (it->second == order_.front().second) {
        sequences_.erase(it);
        break;
      }
    }
    order_.pop_front();
  }
  sequences_.emplace(response_id, sequence);
  order_.emplace_back(response_id, sequence);
}

std::vector<std::uint64_t> RecentResponses::find(const std::string& response_id) const {
  std::vector<std::uint64_t> out;
  const auto [first, last] = sequences_.equal_range(response_id);
  for (auto it = first; it != last; ++it) {
    out.push_back(it->second);
  }
  return out;
}

void EarlyConfirmations::keep(Confirmation confirmation) {
  forget(confirmation.response_id);
  while (waiting_.size() >= limit_) {
    waiting_.erase(by_age_.begin()->second);
    by_age_.erase(by_age_.begin());
  }
  const auto number = ++last_number_;
  auto response_id = confirmation.response_id;
  by_age_.emplace(number, response_id);
  waiting_.emplace(std::move(response_id), Waiting{std::move(confirmation), number});
}

const Confirmation* EarlyConfirmations::find(const std::string& response_id) const {
  const auto found = waiting_.find(response_id);
  return found == waiting_.end() ? nullptr : &found->second.confirmation;
}

void EarlyConfirmations::forget(const std::string& response_id) {
  const auto found = waiting_.find(response_id);
  if (found != waiting_.end()) {
    by_age_.erase(found->second.number);
    waiting_.erase(found);
  }
}

}  // namespace agp::ledger
