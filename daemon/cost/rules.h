#pragma once

#include "daemon/cost/override.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::cost {

struct Ratio {
  std::uint64_t numerator = 1;
  std::uint64_t denominator = 1;
};

/// What a word of the record does to the price.
struct Factor {
  enum class Of { tier, speed, geo };
  Of of = Of::tier;
  std::vector<std::string> words;
  std::vector<std::string> providers;  // empty: any
  std::vector<std::string> models;     // patterns of table ids; empty: any
  Ratio ratio;
};

/// What a price list does not say: names that only some services have, and factors.
struct Rules {
  std::string version;
  std::vector<std::string> suffixes;  // of variants with the price of the plain model
  std::vector<std::string> endings;   // that the plain name may need; "" first
  std::vector<ModelAlias> aliases;
  std::vector<Factor> factors;

  /// Names that may have the price of `model`, the likeliest first; without `model` itself.
  [[nodiscard]] std::vector<ModelAlias> candidates(std::string_view model) const;

  /// @param word  lower case; @param model  id in the table. @return nullopt when not known.
  [[nodiscard]] std::optional<Ratio> factor(Factor::Of of,
                                            std::string_view word,
                                            std::string_view provider,
                                            std::string_view model) const;
};

}  // namespace agp::cost
