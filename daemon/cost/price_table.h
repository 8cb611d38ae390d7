#pragma once

#include "daemon/cost/match.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agp::cost {

using Time = std::chrono::sys_time<std::chrono::microseconds>;

/// What has a price of its own. The names in the table are those of `unit_from`.
enum class Unit : std::uint8_t {
  input,
  cached,
  cache_write,  // five minutes at Anthropic, thirty at OpenAI
  cache_write_1h,
  output,
  input_audio,
  cached_audio,
  output_audio,
  input_image,
  cached_image,
  output_image,
  input_video,
  output_video,
  web_search,  // per thousand, as file_search
  file_search,
};
inline constexpr std::size_t kUnits = 15;

[[nodiscard]] std::optional<Unit> unit_from(std::string_view name);

/// Micro-USD per million tokens, which is pico-USD per token; searches: micro-USD per thousand.
struct Price {
  struct Tier {
    std::uint64_t above = 0;  // of input_total
    std::uint64_t micro_usd = 0;
  };
  std::uint64_t base = 0;
  std::vector<Tier> tiers;  // ascending

  /// A cliff: one price for all tokens, by the size of the whole input.
  [[nodiscard]] std::uint64_t at(std::uint64_t input_total) const;
};

using Prices = std::array<std::optional<Price>, kUnits>;

[[nodiscard]] inline const std::optional<Price>& price_of(const Prices& prices, Unit unit) {
  return prices[static_cast<std::size_t>(unit)];
}

/// Prices with the time they hold for; without one they always do.
struct Entry {
  std::optional<std::chrono::sys_days> start;
  // From, until, in UTC; over midnight when the second is smaller.
  std::optional<std::pair<std::chrono::seconds, std::chrono::seconds>> daily;
  Prices prices;
};

struct Model {
  std::string id;
  Match match;
  std::vector<Entry> entries;  // never empty

  [[nodiscard]] const Prices& prices_at(Time time) const;
};

struct ProviderPrices {
  std::string id;
  std::vector<std::string> fallback;  // other providers whose models are tried
  std::vector<Model> models;          // the first match counts
};

/// List prices by provider, model and date. Source: the semantics of genai-prices, wire-formats
/// section 5.2.
struct PriceTable {
  std::string version;
  std::string date;
  std::vector<ProviderPrices> providers;

  /// @param model  lower case. @return null when no list has it.
  [[nodiscard]] const Model* find(std::string_view provider, std::string_view model) const;

 private:
  [[nodiscard]] const Model* find_as_written(std::string_view provider,
                                             std::string_view model) const;
};

}  // namespace agp::cost
