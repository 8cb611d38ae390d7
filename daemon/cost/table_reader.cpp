#include "daemon/cost/table_reader.h"

#include "daemon/cost/day.h"

#include <algorithm>
#include <utility>

#include <boost/json.hpp>

namespace agp::cost {
namespace {

namespace json = boost::json;

// So that tokens times price times factors cannot leave 128 bits: 10,000 USD per million tokens.
constexpr std::uint64_t kMaxMicroUsd = 10'000'000'000;
constexpr std::uint64_t kMaxFactor = 1000;
constexpr int kMaxMatchDepth = 8;

Error fault(std::string what) {
  return {make_error_code(boost::system::errc::invalid_argument),
          "price table: " + std::move(what)};
}

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

const json::value* member(const json::object& object, std::string_view key) {
  return object.if_contains(key);
}

Result<std::string> text_member(const json::object& object, std::string_view key) {
  const json::value* found = member(object, key);
  if (found == nullptr || !found->is_string()) {
    return fault("\"" + std::string(key) + "\" is no text");
  }
  return std::string(view(found->get_string()));
}

// A list of texts; absent is empty.
Result<std::vector<std::string>> texts_member(const json::object& object, std::string_view key) {
  std::vector<std::string> made;
  const json::value* found = member(object, key);
  if (found == nullptr) {
    return made;
  }
  if (!found->is_array()) {
    return fault("\"" + std::string(key) + "\" is no list");
  }
  for (const json::value& each : found->get_array()) {
    if (!each.is_string()) {
      return fault("\"" + std::string(key) + "\" has an entry that is no text");
    }
    made.emplace_back(view(each.get_string()));
  }
  return made;
}

Result<const json::array*> array_member(const json::object& object, std::string_view key) {
  const json::value* found = member(object, key);
  if (found == nullptr || !found->is_array()) {
    return fault("\"" + std::string(key) + "\" is no list");
  }
  return &found->get_array();
}

Result<std::uint64_t> number_of(const json::value& value, std::uint64_t max) {
  if (!value.is_int64() || value.get_int64() < 0 ||
      static_cast<std::uint64_t>(value.get_int64()) > max) {
    return fault("expected a whole number from 0 to " + std::to_string(max));
  }
  return static_cast<std::uint64_t>(value.get_int64());
}

Result<Match> match_of(const json::value& value, int depth) {
  using Kind = Match::Kind;
  if (!value.is_object() || value.get_object().size() != 1 || depth > kMaxMatchDepth) {
    return fault("a match is an object with one condition");
  }
  const auto& [key, condition] = *value.get_object().begin();
  if (key == "or" || key == "and") {
    if (!condition.is_array()) {
      return fault("\"or\" and \"and\" take lists");
    }
    std::vector<Match> parts;
    for (const json::value& each : condition.get_array()) {
      auto part = match_of(each, depth + 1);
      if (!part) {
        return part;
      }
      parts.push_back(std::move(*part));
    }
    return Match::parts(key == "or" ? Kind::any_of : Kind::all_of, std::move(parts));
  }
  static constexpr std::pair<std::string_view, Kind> kKinds[] = {{"equals", Kind::equals},
                                                                 {"starts_with", Kind::starts_with},
                                                                 {"ends_with", Kind::ends_with},
                                                                 {"contains", Kind::contains},
                                                                 {"regex", Kind::regex}};
  const auto kind = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& each) {
    return each.first == std::string_view(key.data(), key.size());
  });
  if (kind == std::end(kKinds) || !condition.is_string()) {
    return fault("unknown condition \"" + std::string(key.data(), key.size()) + "\"");
  }
  return Match::text(kind->second, view(condition.get_string()));
}

Result<Price> price_of(const json::value& value) {
  Price price;
  if (!value.is_object()) {
    auto base = number_of(value, kMaxMicroUsd);
    if (!base) {
      return base.error();
    }
    price.base = *base;
    return price;
  }
  const json::object& object = value.get_object();
  const json::value* base = member(object, "base");
  const json::value* above = member(object, "above");
  if (base == nullptr || above == nullptr || !above->is_array() || object.size() != 2) {
    return fault("a tiered price has \"base\" and \"above\"");
  }
  auto amount = number_of(*base, kMaxMicroUsd);
  if (!amount) {
    return amount.error();
  }
  price.base = *amount;
  for (const json::value& each : above->get_array()) {
    if (!each.is_array() || each.get_array().size() != 2) {
      return fault("a tier is a pair of threshold and price");
    }
    auto threshold = number_of(each.get_array()[0], 1'000'000'000'000);
    auto tier = number_of(each.get_array()[1], kMaxMicroUsd);
    if (!threshold || !tier) {
      return !threshold ? threshold.error() : tier.error();
    }
    if (!price.tiers.empty() && price.tiers.back().above >= *threshold) {
      return fault("tiers are not in ascending order");
    }
    price.tiers.push_back({*threshold, *tier});
  }
  return price;
}

Result<> read_daily(const json::value& value, Entry* entry) {
  if (!value.is_array() || value.get_array().size() != 2) {
    return fault("\"daily\" is a pair of seconds");
  }
  auto from = number_of(value.get_array()[0], 86'400);
  auto until = number_of(value.get_array()[1], 86'400);
  if (!from || !until) {
    return !from ? from.error() : until.error();
  }
  entry->daily.emplace(std::chrono::seconds(*from), std::chrono::seconds(*until));
  return {};
}

Result<Entry> entry_of(const json::value& value) {
  if (!value.is_object()) {
    return fault("an entry of \"prices\" is no object");
  }
  Entry entry;
  for (const auto& [name, each] : value.get_object()) {
    const std::string_view key(name.data(), name.size());
    if (key == "start_date") {
      entry.start = each.is_string() ? day_from(view(each.get_string())) : std::nullopt;
      if (!entry.start) {
        return fault("\"start_date\" is no date such as 2026-03-13");
      }
    } else if (key == "daily") {
      if (auto done = read_daily(each, &entry); !done) {
        return done.error();
      }
    } else if (const auto unit = unit_from(key)) {
      auto price = price_of(each);
      if (!price) {
        return price.error();
      }
      entry.prices[static_cast<std::size_t>(*unit)] = std::move(*price);
    } else {
      return fault("unknown unit \"" + std::string(key) + "\"");
    }
  }
  return entry;
}

Result<Model> model_of(const json::value& value) {
  if (!value.is_object()) {
    return fault("a model is no object");
  }
  const json::object& object = value.get_object();
  auto id = text_member(object, "id");
  const json::value* condition = member(object, "match");
  auto prices = array_member(object, "prices");
  if (!id || !prices || condition == nullptr || (*prices)->empty()) {
    return fault("a model needs \"id\", \"match\" and \"prices\"");
  }
  auto match = match_of(*condition, 0);
  if (!match) {
    return Error{match.error().code, match.error().context + " (" + *id + ')'};
  }
  Model model{lower_case(*id), std::move(*match), {}};
  for (const json::value& each : **prices) {
    auto entry = entry_of(each);
    if (!entry) {
      return Error{entry.error().code, entry.error().context + " (" + *id + ')'};
    }
    model.entries.push_back(std::move(*entry));
  }
  return model;
}

Result<ProviderPrices> provider_of(const json::value& value) {
  if (!value.is_object()) {
    return fault("a provider is no object");
  }
  const json::object& object = value.get_object();
  auto id = text_member(object, "id");
  auto fallback = texts_member(object, "fallback");
  auto models = array_member(object, "models");
  if (!id || !fallback || !models) {
    return fault("a provider needs \"id\", \"fallback\" and \"models\"");
  }
  ProviderPrices made{std::move(*id), std::move(*fallback), {}};
  for (const json::value& each : **models) {
    auto model = model_of(each);
    if (!model) {
      return model.error();
    }
    made.models.push_back(std::move(*model));
  }
  return made;
}

Result<json::value> parse(std::string_view text, std::string_view schema) {
  boost::system::error_code ec;
  json::value value = json::parse(json::string_view(text.data(), text.size()), ec);
  if (ec) {
    return Error{ec, "price table"};
  }
  if (!value.is_object() || member(value.get_object(), "schema") == nullptr ||
      *member(value.get_object(), "schema") != json::string_view(schema.data(), schema.size())) {
    return fault("schema is not " + std::string(schema));
  }
  return value;
}

Result<ModelAlias> alias_of(const json::value& value) {
  if (!value.is_object()) {
    return fault("an alias is no object");
  }
  auto model = text_member(value.get_object(), "model");
  auto as = text_member(value.get_object(), "as");
  if (!model || !as) {
    return fault("an alias needs \"model\" and \"as\"");
  }
  auto provider = text_member(value.get_object(), "provider");
  return ModelAlias{lower_case(*model), lower_case(*as), provider ? *provider : std::string()};
}

Result<Factor> factor_of(const json::value& value) {
  if (!value.is_object()) {
    return fault("a factor is no object");
  }
  const json::object& object = value.get_object();
  auto of = text_member(object, "of");
  auto words = texts_member(object, "words");
  auto providers = texts_member(object, "providers");
  auto models = texts_member(object, "models");
  auto ratio = array_member(object, "factor");
  if (!of || !words || !providers || !models || !ratio || (*ratio)->size() != 2) {
    return fault("a factor needs \"of\", \"words\" and \"factor\"");
  }
  Factor factor;
  if (*of != "tier" && *of != "speed" && *of != "geo") {
    return fault("a factor is of tier, speed or geo, not of " + *of);
  }
  factor.of = *of == "tier"    ? Factor::Of::tier
              : *of == "speed" ? Factor::Of::speed
                               : Factor::Of::geo;
  auto numerator = number_of((**ratio)[0], kMaxFactor);
  auto denominator = number_of((**ratio)[1], kMaxFactor);
  if (!numerator || !denominator || *denominator == 0) {
    return fault("a factor is a pair of whole numbers up to 1000");
  }
  factor.ratio = {*numerator, *denominator};
  factor.words = std::move(*words);
  factor.providers = std::move(*providers);
  factor.models = std::move(*models);
  return factor;
}

}  // namespace

Result<PriceTable> read_table(std::string_view json) {
  auto value = parse(json, "antigravity-proxy.prices.v1");
  if (!value) {
    return value.error();
  }
  const json::object& object = value->get_object();
  auto version = text_member(object, "version");
  auto date = text_member(object, "date");
  auto providers = array_member(object, "providers");
  if (!version || !date || !providers) {
    return fault("needs \"version\", \"date\" and \"providers\"");
  }
  PriceTable table{std::move(*version), std::move(*date), {}};
  for (const json::value& each : **providers) {
    auto provider = provider_of(each);
    if (!provider) {
      return provider.error();
    }
    table.providers.push_back(std::move(*provider));
  }
  return table;
}

Result<Rules> read_rules(std::string_view json) {
  auto value = parse(json, "antigravity-proxy.price-rules.v1");
  if (!value) {
    return value.error();
  }
  const json::object& object = value->get_object();
  auto version = text_member(object, "version");
  auto suffixes = texts_member(object, "suffixes");
  auto endings = texts_member(object, "endings");
  auto aliases = array_member(object, "aliases");
  auto factors = array_member(object, "factors");
  if (!version || !suffixes || !endings || !aliases || !factors) {
    return fault("rules need \"version\", \"suffixes\", \"endings\", \"aliases\" and \"factors\"");
  }
  Rules rules;
  rules.version = std::move(*version);
  rules.suffixes = std::move(*suffixes);
  rules.endings = std::move(*endings);
  for (const json::value& each : **aliases) {
    auto alias = alias_of(each);
    if (!alias) {
      return alias.error();
    }
    rules.aliases.push_back(std::move(*alias));
  }
  for (const json::value& each : **factors) {
    auto factor = factor_of(each);
    if (!factor) {
      return factor.error();
    }
    rules.factors.push_back(std::move(*factor));
  }
  return rules;
}

}  // namespace agp::cost
