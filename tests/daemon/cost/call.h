#pragma once

#include "daemon/cost/pricer.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace agp::cost {

/// "2026-10-01" at midnight, UTC.
inline usage::Micros day(int year, unsigned month, unsigned day_of_month) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) /
                               std::chrono::day(day_of_month));
}

struct Tokens {
  std::uint64_t input = 0;
  std::uint64_t cached = 0;
  std::uint64_t write_5m = 0;
  std::uint64_t write_1h = 0;
  std::uint64_t output = 0;
};

/// A call as the readers make it.
inline usage::Record call(usage::Provider provider,
                          std::string model,
                          Tokens tokens,
                          usage::Micros at = day(2026, 11, 20)) {
  usage::Record record;
  record.provider = provider;
  record.model = std::move(model);
  record.started_at = at;
  usage::Usage usage;
  usage.input_total = tokens.input;
  usage.cached_input = tokens.cached;
  usage.cache_write = tokens.write_5m + tokens.write_1h;
  usage.input_uncached = tokens.input - tokens.cached - usage.cache_write;
  if (tokens.write_1h != 0) {
    usage.cache_write_by_ttl = {{"5m", tokens.write_5m}, {"1h", tokens.write_1h}};
  }
  usage.output_total = tokens.output;
  usage.total = tokens.input + tokens.output;
  record.usage = usage;
  record.usage_state = usage::UsageState::final;
  return record;
}

inline const Pricer& builtin() {
  static const Pricer pricer = *Pricer::builtin();
  return pricer;
}

inline std::optional<usage::Cost> priced(const Pricer& pricer, usage::Record record) {
  pricer.price(&record);
  return record.cost;
}

/// Empty: no price.
inline std::optional<std::uint64_t> pico_usd(const Pricer& pricer, usage::Record record) {
  const auto cost = priced(pricer, std::move(record));
  return cost ? std::optional(cost->pico_usd) : std::nullopt;
}

inline std::optional<std::uint64_t> pico_usd(usage::Record record) {
  return pico_usd(builtin(), std::move(record));
}

}  // namespace agp::cost
