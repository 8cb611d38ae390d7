#include "daemon/cost/price_table.h"

#include "daemon/cost/day.h"

#include <algorithm>

namespace agp::cost {
namespace {

constexpr std::array<std::string_view, kUnits> kNames = {
    "input",        "cached",       "cache_write",  "cache_write_1h", "output",
    "input_audio",  "cached_audio", "output_audio", "input_image",    "cached_image",
    "output_image", "input_video",  "output_video", "web_search",     "file_search"};

bool is_in_force(const Entry& entry, Time time) {
  if (entry.start && time < Time(*entry.start)) {
    return false;
  }
  if (!entry.daily) {
    return true;
  }
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const auto now = time - Time(day);
  const auto [from, until] = *entry.daily;
  return until < from ? now >= from || now < until : now >= from && now < until;
}

bool is_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "-20251001" as "-2025-10-01", wherever a date stands so.
std::string with_dashed_dates(std::string_view model) {
  std::string made;
  for (std::size_t i = 0; i < model.size(); ++i) {
    made += model[i];
    const std::string_view digits = model.substr(i + 1, 8);
    const std::size_t after = i + 9;
    if (model[i] != '-' || digits.size() != 8 || !is_digits(digits) || !digits.starts_with("20") ||
        (after < model.size() && model[after] != '-' && model[after] != ':')) {
      continue;
    }
    std::string date(digits.substr(0, 4));
    date.append("-").append(digits, 4, 2).append("-").append(digits, 6, 2);
    if (day_from(date)) {
      made += date;
      i += 8;
    }
  }
  return made;
}

}  // namespace

std::optional<Unit> unit_from(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  return found == kNames.end() ? std::nullopt : std::optional(Unit(found - kNames.begin()));
}

std::uint64_t Price::at(std::uint64_t input_total) const {
  std::uint64_t price = base;
  for (const Tier& tier : tiers) {
    if (input_total > tier.above) {
      price = tier.micro_usd;
    }
  }
  return price;
}

const Prices& Model::prices_at(Time time) const {
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    if (is_in_force(*entry, time)) {
      return entry->prices;
    }
  }
  return entries.front().prices;
}

const Model* PriceTable::find(std::string_view provider, std::string_view model) const {
  if (const Model* found = find_as_written(provider, model); found != nullptr) {
    return found;
  }
  const std::string dashed = with_dashed_dates(model);
  return dashed == model ? nullptr : find_as_written(provider, dashed);
}

const Model* PriceTable::find_as_written(std::string_view provider, std::string_view model) const {
  const auto named = [&](std::string_view id) {
    return std::find_if(providers.begin(), providers.end(),
                        [&](const ProviderPrices& each) { return each.id == id; });
  };
  const auto match_in = [&](const ProviderPrices& list) -> const Model* {
    const auto found = std::find_if(list.models.begin(), list.models.end(),
                                    [&](const Model& each) { return each.match.matches(model); });
    return found == list.models.end() ? nullptr : &*found;
  };
  const auto own = named(provider);
  if (own == providers.end()) {
    return nullptr;
  }
  if (const Model* found = match_in(*own); found != nullptr) {
    return found;
  }
  for (const std::string& id : own->fallback) {
    if (const auto other = named(id); other != providers.end()) {
      if (const Model* found = match_in(*other); found != nullptr) {
        return found;
      }
    }
  }
  return nullptr;
}

}  // namespace agp::cost
