#include "daemon/metrics/call_totals.h"

#include "daemon/metrics/semconv.h"

#include <algorithm>
#include <utility>

namespace agp::metrics {
namespace {

using std::chrono::microseconds;

// As in ledger::Totals.
ledger::GroupKey key_of(const usage::Record& record) {
  return {record.model, name(record.provider), record.host, name(record.request_kind),
          record.request_model};
}

std::string admitted(BoundedNames& names, const std::optional<std::string>& word) {
  return word ? names.admit(*word) : std::string();
}

std::uint64_t pace_bound(std::size_t index) {
  return static_cast<std::uint64_t>(usage::pace_bound(index).count());
}

// Clocks may be set back between two looks.
std::uint64_t between(usage::Micros from, usage::Micros to) {
  return static_cast<std::uint64_t>(std::max(to - from, microseconds(0)).count());
}

}  // namespace

void Total::add(const Total& other) {
  sums.add(other.sums);
  for (const auto& [modality, tokens] : other.by_modality) {
    by_modality[modality].add(tokens);
  }
}

bool CallTotals::on_commit(const usage::Record& record) {
  const std::lock_guard lock(mutex_);
  if (record.sequence <= announced_up_to_) {
    // Places begin again: the file was moved away, and this is a record of another one.
    start_over();
  }
  announced_up_to_ = record.sequence;
  if (has_begun_) {
    count(record);
    return false;
  }
  early_.push_back(record);
  return !std::exchange(is_asking_, true);
}

void CallTotals::begin_with(const Result<ledger::Totals>& totals) {
  const std::lock_guard lock(mutex_);
  is_asking_ = false;
  const auto early = std::exchange(early_, {});
  if (!totals) {
    return;  // the next commit asks again, and by then the answer has these
  }
  has_begun_ = true;
  answered_up_to_ = totals->last_sequence;
  for (const auto& modality : totals->modalities) {
    (void)modalities_.admit(modality);  // in the order in which commits brought them
  }
  for (const auto& group : totals->groups) {
    add(group.key, group.sums, group.by_modality);
  }
  for (const auto& record : early) {
    count(record);
  }
}

void CallTotals::count(const usage::Record& record) {
  if (record.sequence > answered_up_to_) {
    add(key_of(record), ledger::sums_of(record), ledger::by_modality_of(record));
  }
  add_times(record);
}

void CallTotals::start_over() {
  has_begun_ = false;
  early_.clear();
  models_.clear();
  request_models_.clear();
  hosts_.clear();
  modalities_.clear();
  totals_.clear();
}

void CallTotals::add(const ledger::GroupKey& key,
                     const ledger::Sums& sums,
                     const ledger::ByModality& by_modality) {
  Origin origin{admitted(models_, key[0]), key[1].value_or(""), hosts_.admit(key[2].value_or("")),
                key[3].value_or(""), admitted(request_models_, key[4])};
  if (totals_.size() >= kMostOrigins && !totals_.contains(origin)) {
    origin.model = origin.request_model = origin.host = kOther;
  }
  auto& into = totals_[std::move(origin)];
  into.sums.add(sums);
  for (const auto& [modality, tokens] : by_modality) {
    if (modalities_.admit(modality) != kOther) {
      into.by_modality[modality].add(tokens);
    }
  }
}

void CallTotals::add_times(const usage::Record& record) {
  CallTimes::Series series{admitted(models_, record.model), name(record.provider),
                           hosts_.admit(record.host), error_type(record),
                           admitted(request_models_, record.request_model)};
  auto& all = times_.by_series;
  if (all.size() >= kMostSeries && !all.contains(series)) {
    series.model = series.request_model = series.host = kOther;
    series.error_type = series.error_type.empty() ? "" : "_OTHER";
  }
  auto& into = all[std::move(series)];
  into.duration.add(between(record.started_at, record.ended_at), pace_bound);
  // The conventions want a call without usage among these as 0.
  const auto usage = record.usage.value_or(usage::Usage{});
  into.input_tokens.add(usage.input_total, token_bound);
  into.output_tokens.add(usage.output_total, token_bound);
  into.usage_unknown += record.usage ? 0 : 1;
  if (record.pace) {
    into.first_chunk.add(between(record.started_at, record.pace->first_chunk_at), pace_bound);
    for (std::size_t i = 0; i < record.pace->gaps.size(); ++i) {
      into.chunk_gap.buckets[i] += record.pace->gaps[i];
    }
    into.chunk_gap.sum += static_cast<std::uint64_t>(record.pace->gap_sum.count());
  }
}

std::optional<CallTotals::ByOrigin> CallTotals::totals() const {
  const std::lock_guard lock(mutex_);
  return has_begun_ ? std::optional(totals_) : std::nullopt;
}

CallTimes CallTotals::times() const {
  const std::lock_guard lock(mutex_);
  return times_;
}

}  // namespace agp::metrics
