#include "daemon/cost/amount.h"

#include <algorithm>
#include <array>

namespace agp::cost {
namespace {

// Tokens of one modality; 0 when the provider did not say.
std::uint64_t count_in(const std::optional<usage::ModalityCounts>& counts, const char* modality) {
  if (!counts) {
    return 0;
  }
  const auto found = counts->find(modality);
  return found == counts->end() ? 0 : found->second;
}

struct Modality {
  const char* name;
  Unit input;
  std::optional<Unit> cached;
  Unit output;
};

constexpr std::array<Modality, 3> kModalities{{
    {"audio", Unit::input_audio, Unit::cached_audio, Unit::output_audio},
    {"image", Unit::input_image, Unit::cached_image, Unit::output_image},
    {"video", Unit::input_video, std::nullopt, Unit::output_video},
}};

// Adds up one call. A class without a price of its own has that of its parent.
class Sum {
 public:
  Sum(const Prices& prices, const usage::Usage& usage) : prices_(prices), usage_(usage) {}

  std::optional<Wide> total() {
    add_input();
    add_output();
    return is_unknown_ ? std::nullopt : std::optional(pico_usd_);
  }

 private:
  const Price* find(Unit unit) const {
    const auto& price = price_of(prices_, unit);
    return price ? &*price : nullptr;
  }

  const Price* first_of(std::initializer_list<Unit> units) const {
    for (const Unit unit : units) {
      if (const Price* price = find(unit); price != nullptr) {
        return price;
      }
    }
    return nullptr;
  }

  void add(std::uint64_t tokens, const Price* price) {
    if (tokens == 0) {
      return;
    }
    if (price == nullptr) {
      is_unknown_ = true;
      return;
    }
    pico_usd_ += Wide(tokens) * price->at(usage_.input_total);
  }

  void add_input() {
    std::uint64_t uncached = usage_.input_uncached;
    std::uint64_t cached = usage_.cached_input;
    for (const Modality& modality : kModalities) {
      const Price* price = find(modality.input);
      if (price == nullptr) {
        continue;
      }
      // Cached tokens of a modality only where the provider says so.
      const std::uint64_t all = count_in(usage_.input_by_modality, modality.name);
      const std::uint64_t of_cache =
          std::min({cached, all, count_in(usage_.cached_by_modality, modality.name)});
      const std::uint64_t fresh = std::min(uncached, all - of_cache);
      const Price* cached_price = modality.cached ? find(*modality.cached) : nullptr;
      if (cached_price == nullptr) {
        cached_price = find(Unit::cached);
      }
      add(fresh, price);
      add(of_cache, cached_price != nullptr ? cached_price : price);
      uncached -= fresh;
      cached -= of_cache;
    }
    add(uncached, find(Unit::input));
    add(cached, first_of({Unit::cached, Unit::input}));
    add_cache_write();
  }

  // Writes whose time to live is not stated are the shortest ones.
  void add_cache_write() {
    std::uint64_t hour = 0;
    if (usage_.cache_write_by_ttl) {
      const auto found = usage_.cache_write_by_ttl->find("1h");
      hour = found == usage_.cache_write_by_ttl->end() ? 0 : found->second;
    }
    hour = std::min(hour, usage_.cache_write);
    add(hour, first_of({Unit::cache_write_1h, Unit::cache_write, Unit::input}));
    add(usage_.cache_write - hour, first_of({Unit::cache_write, Unit::input}));
  }

  void add_output() {
    std::uint64_t rest = usage_.output_total;
    for (const Modality& modality : kModalities) {
      const Price* price = find(modality.output);
      if (price != nullptr) {
        const auto tokens = std::min(rest, count_in(usage_.output_by_modality, modality.name));
        add(tokens, price);
        rest -= tokens;
      }
    }
    add(rest, find(Unit::output));
  }

  const Prices& prices_;
  const usage::Usage& usage_;
  Wide pico_usd_ = 0;
  bool is_unknown_ = false;
};

}  // namespace

std::optional<Wide> token_cost(const Prices& prices, const usage::Usage& usage) {
  // A list that names a model and no price for its tokens does not know the price.
  if (!price_of(prices, Unit::input)) {
    return std::nullopt;
  }
  return Sum(prices, usage).total();
}

Wide tool_fees(const Prices& prices, const std::map<std::string, std::uint64_t>& tools) {
  Wide fees = 0;
  for (const auto& [tool, count] : tools) {
    const bool is_fee = tool == "web_search" || tool == "file_search";
    const auto unit = is_fee ? unit_from(tool) : std::nullopt;
    if (unit && price_of(prices, *unit)) {
      // Micro-USD per thousand is a thousand pico-USD each.
      fees += Wide(count) * price_of(prices, *unit)->base * 1000U;
    }
  }
  return fees;
}

}  // namespace agp::cost
