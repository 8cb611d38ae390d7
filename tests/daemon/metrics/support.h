#pragma once

#include "daemon/ledger/ledger.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

namespace agp::metrics::test {

constexpr const char* kCodeAssist = "daily-cloudcode-pa.googleapis.com";

inline usage::Micros at(std::chrono::microseconds time) {
  return usage::Micros(time);
}

/// A call that took a second and used ten tokens of input for each one of output.
inline usage::Record call(std::uint64_t sequence, std::string model, std::uint64_t output = 1) {
  usage::Record record;
  record.sequence = sequence;
  record.model = std::move(model);
  record.host = kCodeAssist;
  record.outcome = usage::Outcome::ok;
  record.request_kind = usage::RequestKind::agent;
  record.started_at = at(std::chrono::seconds(100));
  record.ended_at = at(std::chrono::seconds(101));
  record.usage.emplace();
  record.usage->output_total = output;
  record.usage->input_total = record.usage->input_uncached = 10 * output;
  record.usage->total = 11 * output;
  return record;
}

/// What a ledger that has these records answers.
inline ledger::Totals answer(const std::vector<usage::Record>& records) {
  ledger::Totals totals;
  for (const auto& record : records) {
    const ledger::GroupKey key{record.model, name(record.provider), record.host,
                               name(record.request_kind), record.request_model};
    auto found = totals.groups.begin();
    while (found != totals.groups.end() && found->key != key) {
      ++found;
    }
    if (found == totals.groups.end()) {
      found = totals.groups.insert(found, {key, {}});
    }
    found->sums.add(ledger::sums_of(record));
    for (const auto& [modality, tokens] : ledger::by_modality_of(record)) {
      found->by_modality[modality].add(tokens);
      auto& names = totals.modalities;
      if (std::find(names.begin(), names.end(), modality) == names.end()) {
        names.push_back(modality);
      }
    }
    totals.last_sequence = record.sequence;
  }
  return totals;
}

}  // namespace agp::metrics::test
