#include "daemon/config/cost_prices.h"

#include "daemon/cost/day.h"

#include <algorithm>
#include <utility>

namespace agp::daemon_config {
namespace {

constexpr const char* kNoPrice =
    "expected USD per million tokens, from 0 to 10000 with up to six decimals, such as 2.5";
constexpr const char* kNoName = "expected the name of a model as records show it, without spaces";

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c != '*' && static_cast<unsigned char>(c) < 0x7f;
  });
}

bool is_pattern(std::string_view text) {
  if (text.ends_with('*')) {
    text.remove_suffix(1);
    return text.empty() || is_name(text);
  }
  return is_name(text);
}

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') {
      c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return text;
}

}  // namespace

void describe_price(config::Schema& element, RawPrice* into) {
  element.text("model", &into->model, {},
               "Model as records show it; a * at the end stands for anything.");
  element.require();
  element.text("provider", &into->provider, {},
               "Who bills: google, anthropic, openai or azure; without it, whoever.");
  element.text("since", &into->since, {},
               "First day, as in 2026-10-01 (UTC); without it, always. The last entry that holds "
               "counts.");
  element.integer<std::uint64_t>("above", &into->above, 0, 0, 1'000'000'000'000,
                                 "Holds for calls with more input tokens than this.");
  element.text("input", &into->input, {}, "USD per million input tokens.");
  element.require();
  element.text("output", &into->output, {}, "USD per million output tokens, thinking included.");
  element.require();
  element.text("cached", &into->cached, {},
               "USD per million input tokens read from a cache; without it, as input.");
  element.text("cache_write", &into->cache_write, {},
               "USD per million input tokens written to a cache; without it, as input.");
  element.text("cache_write_1h", &into->cache_write_1h, {},
               "The same for an hour; without it, as cache_write.");
}

void describe_alias(config::Schema& element, RawAlias* into) {
  element.text("model", &into->model, {}, "Model as records show it.");
  element.require();
  element.text("as", &into->as, {}, "Model whose price it has.");
  element.require();
}

std::optional<std::uint64_t> parse_micro_usd(std::string_view text) {
  constexpr std::uint64_t kMax = 10'000'000'000;
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view decimals =
      point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() || whole.size() > 5 || decimals.size() > 6 ||
      (point != std::string_view::npos && decimals.empty())) {
    return std::nullopt;
  }
  std::string digits(whole);
  digits.append(decimals).append(6 - decimals.size(), '0');
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value <= kMax ? std::optional(value) : std::nullopt;
}

void check_cost_prices(Config* config,
                       const std::vector<RawPrice>& prices,
                       const std::vector<RawAlias>& aliases,
                       const config::Schema& schema,
                       const std::string& file,
                       config::Faults& faults) {
  const auto complain = [&](const std::string& key, std::string message) {
    faults.list.push_back(schema.fault(key, std::move(message), file));
  };
  for (std::size_t i = 0; i < prices.size(); ++i) {
    const RawPrice& raw = prices[i];
    const std::string key = "cost.prices[" + std::to_string(i) + ']';
    cost::PriceOverride made;
    made.model = lower_case(raw.model);
    made.provider = raw.provider;
    made.above = raw.above;
    if (!is_pattern(raw.model)) {
      complain(key + ".model", std::string(kNoName) + "; a * only at the end");
    }
    if (!raw.provider.empty() && raw.provider != "google" && raw.provider != "anthropic" &&
        raw.provider != "openai" && raw.provider != "azure") {
      complain(key + ".provider", "expected google, anthropic, openai or azure");
    }
    if (!raw.since.empty()) {
      made.since = cost::day_from(raw.since);
      if (!made.since) {
        complain(key + ".since", "expected a date such as 2026-10-01");
      }
    }
    const auto price = [&](const char* name,
                           const std::string& text) -> std::optional<std::uint64_t> {
      auto value = parse_micro_usd(text);
      if (!value) {
        complain(key + '.' + name, kNoPrice);
      }
      return value;
    };
    const auto maybe = [&](const char* name, const std::string& text) {
      return text.empty() ? std::nullopt : price(name, text);
    };
    made.input = price("input", raw.input).value_or(0);
    made.output = price("output", raw.output).value_or(0);
    made.cached = maybe("cached", raw.cached);
    made.cache_write = maybe("cache_write", raw.cache_write);
    made.cache_write_1h = maybe("cache_write_1h", raw.cache_write_1h);
    config->cost_prices.push_back(std::move(made));
  }
  for (std::size_t i = 0; i < aliases.size(); ++i) {
    const std::string key = "cost.aliases[" + std::to_string(i) + ']';
    if (!is_name(aliases[i].model)) {
      complain(key + ".model", kNoName);
    }
    if (!is_name(aliases[i].as)) {
      complain(key + ".as", kNoName);
    }
    config->cost_aliases.push_back({lower_case(aliases[i].model), lower_case(aliases[i].as), {}});
  }
}

}  // namespace agp::daemon_config
