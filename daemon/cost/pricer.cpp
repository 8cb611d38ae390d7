#include "daemon/cost/pricer.h"

#include "daemon/cost/amount.h"
#include "daemon/cost/builtin.h"
#include "daemon/cost/match.h"
#include "daemon/cost/table_reader.h"

#include <numeric>
#include <utility>

namespace agp::cost {
namespace {

constexpr const char* kOwnVersion = "proxy.yaml";

Prices prices_of(const PriceOverride& own) {
  Prices prices;
  const auto set = [&](Unit unit, std::optional<std::uint64_t> micro_usd) {
    if (micro_usd) {
      prices[static_cast<std::size_t>(unit)] = Price{*micro_usd, {}};
    }
  };
  set(Unit::input, own.input);
  set(Unit::output, own.output);
  set(Unit::cached, own.cached);
  set(Unit::cache_write, own.cache_write);
  set(Unit::cache_write_1h, own.cache_write_1h);
  return prices;
}

// 10,000 USD: no call costs that much. Counts that make one do are mistakes, and a few of them
// would drown every sum, or pass what the ledger's integers hold.
constexpr Wide kMostPicoUsd = 10'000'000'000'000'000;

// The parts of one call, exact: each may have a factor of its own, and they are rounded together.
class Total {
 public:
  void add(Wide amount, Ratio ratio) {
    const Wide scaled = amount * ratio.numerator;
    whole_ += scaled / ratio.denominator;
    const std::uint64_t common = std::lcm(denominator_, ratio.denominator);
    rest_ =
        rest_ * (common / denominator_) + scaled % ratio.denominator * (common / ratio.denominator);
    denominator_ = common;
  }

  // Half a pico-USD and more counts as one.
  std::optional<std::uint64_t> rounded() const {
    const Wide sum = whole_ + (rest_ + denominator_ / 2) / denominator_;
    return sum > kMostPicoUsd ? std::nullopt : std::optional(static_cast<std::uint64_t>(sum));
  }

 private:
  Wide whole_ = 0;
  Wide rest_ = 0;  // of `denominator_`
  std::uint64_t denominator_ = 1;
};

}  // namespace

Result<Pricer> Pricer::builtin(std::vector<PriceOverride> overrides,
                               std::vector<ModelAlias> aliases) {
  auto table = read_table(builtin_table());
  if (!table) {
    return table.error();
  }
  auto rules = read_rules(builtin_rules());
  if (!rules) {
    return rules.error();
  }
  return Pricer(std::move(*table), std::move(*rules), std::move(overrides), std::move(aliases));
}

Pricer::Pricer(PriceTable table,
               Rules rules,
               std::vector<PriceOverride> overrides,
               std::vector<ModelAlias> aliases)
    : table_(std::move(table)),
      rules_(std::move(rules)),
      overrides_(std::move(overrides)),
      aliases_(std::move(aliases)) {}

void Pricer::price(usage::Record* record) const {
  record->cost = cost_of(*record);
}

std::optional<usage::Cost> Pricer::cost_of(const usage::Record& record) const {
  if (!record.usage || !record.model) {
    return std::nullopt;
  }
  const auto main = find(record, lower_case(*record.model), record.usage->input_total);
  const auto factor = main ? factor_of(record, main->id) : std::nullopt;
  const auto amount = factor ? token_cost(main->prices(), *record.usage) : std::nullopt;
  if (!amount) {
    return std::nullopt;
  }
  usage::Cost cost;
  bool is_own = main->own.has_value();
  cost.is_aliased = main->is_aliased;
  Total total;
  total.add(*amount, *factor);
  if (record.server_tools) {
    total.add(tool_fees(main->prices(), *record.server_tools), {});
  }
  for (const auto& row : record.additional_usage) {
    const auto found =
        find(record, lower_case(row.model.value_or(*record.model)), row.usage.input_total);
    const auto row_factor = found ? factor_of(record, found->id) : std::nullopt;
    const auto more = row_factor ? token_cost(found->prices(), row.usage) : std::nullopt;
    if (!more) {
      return std::nullopt;
    }
    total.add(*more, *row_factor);
    is_own = is_own || found->own;
    cost.is_aliased = cost.is_aliased || found->is_aliased;
  }
  const auto sum = total.rounded();
  if (!sum) {
    return std::nullopt;
  }
  cost.pico_usd = *sum;
  cost.price_version = is_own ? kOwnVersion : table_.version;
  return cost;
}

std::optional<Pricer::Found> Pricer::find(const usage::Record& record,
                                          std::string_view model,
                                          std::uint64_t input_total) const {
  const char* provider = usage::name(record.provider);
  const auto aliased = [&](const ModelAlias& alias) {
    auto found = find_exactly(record, alias.provider.empty() ? provider : alias.provider.c_str(),
                              alias.as, input_total);
    if (found) {
      found->is_aliased = true;
    }
    return found;
  };
  for (const ModelAlias& alias : aliases_) {
    if (alias.model == model) {
      if (auto found = aliased(alias)) {
        return found;
      }
    }
  }
  if (auto found = find_exactly(record, provider, model, input_total)) {
    return found;
  }
  for (const ModelAlias& alias : rules_.candidates(model)) {
    if (auto found = aliased(alias)) {
      return found;
    }
  }
  return std::nullopt;
}

std::optional<Pricer::Found> Pricer::find_exactly(const usage::Record& record,
                                                  std::string_view provider,
                                                  std::string_view model,
                                                  std::uint64_t input_total) const {
  for (auto own = overrides_.rbegin(); own != overrides_.rend(); ++own) {
    if (matches_pattern(own->model, model) &&
        (own->provider.empty() || own->provider == usage::name(record.provider)) &&
        (!own->since || record.started_at >= *own->since) &&
        (own->above == 0 || input_total > own->above)) {
      return Found{std::string(model), nullptr, prices_of(*own), false};
    }
  }
  const Model* listed = known_->find(table_, provider, model);
  if (listed == nullptr) {
    return std::nullopt;
  }
  return Found{listed->id, &listed->prices_at(record.started_at), std::nullopt, false};
}

std::optional<Ratio> Pricer::factor_of(const usage::Record& record, std::string_view model) const {
  const char* provider = usage::name(record.provider);
  Ratio product;
  const auto multiply = [&](Factor::Of of, const std::optional<std::string>& word) {
    if (!word || word->empty()) {
      return true;
    }
    const auto factor = rules_.factor(of, lower_case(*word), provider, model);
    if (factor) {
      product.numerator *= factor->numerator;
      product.denominator *= factor->denominator;
    }
    return factor.has_value();
  };
  const bool is_known = multiply(Factor::Of::tier, record.service_tier) &&
                        multiply(Factor::Of::speed, record.modifiers.speed) &&
                        multiply(Factor::Of::geo, record.modifiers.inference_geo);
  return is_known ? std::optional(product) : std::nullopt;
}

}  // namespace agp::cost
