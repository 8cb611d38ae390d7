#include "daemon/cost/rules.h"

#include "daemon/cost/match.h"

#include <algorithm>

namespace agp::cost {
namespace {

bool has(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

std::vector<ModelAlias> Rules::candidates(std::string_view model) const {
  std::vector<ModelAlias> made;
  const auto add = [&](std::string name, std::string provider) {
    if (name != model) {
      made.push_back({std::string(model), std::move(name), std::move(provider)});
    }
  };
  std::string name(model);
  while (true) {
    for (const ModelAlias& alias : aliases) {
      if (alias.model == name) {
        add(alias.as, alias.provider);
      }
    }
    for (const std::string& ending : endings) {
      add(name + ending, {});
    }
    const auto suffix = std::find_if(suffixes.begin(), suffixes.end(), [&](const auto& each) {
      return !each.empty() && name.size() > each.size() && name.ends_with(each);
    });
    if (suffix == suffixes.end()) {
      return made;
    }
    name.resize(name.size() - suffix->size());
  }
}

std::optional<Ratio> Rules::factor(Factor::Of of,
                                   std::string_view word,
                                   std::string_view provider,
                                   std::string_view model) const {
  for (const Factor& each : factors) {
    const bool is_model =
        each.models.empty() ||
        std::any_of(each.models.begin(), each.models.end(),
                    [&](const std::string& pattern) { return matches_pattern(pattern, model); });
    if (each.of == of && has(each.words, word) &&
        (each.providers.empty() || has(each.providers, provider)) && is_model) {
      return each.ratio;
    }
  }
  return std::nullopt;
}

}  // namespace agp::cost
