#pragma once

#include "common/base/result.h"
#include "daemon/cost/known_models.h"
#include "daemon/cost/override.h"
#include "daemon/cost/price_table.h"
#include "daemon/cost/rules.h"
#include "daemon/usage/record.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::cost {

/// Says what a call costs at list prices, or at the user's own. Workers share one.
///
/// Integers throughout, rounded once: tokens times micro-USD per million tokens is pico-USD. A call
/// whose usage, model, tier or any other part of the price is not known has no cost; that is never
/// zero. Source: wire-formats section 5.
class Pricer {
 public:
  /// The tables that are compiled in. They were tested: a fault in them is a bug of the build.
  [[nodiscard]] static Result<Pricer> builtin(std::vector<PriceOverride> overrides = {},
                                              std::vector<ModelAlias> aliases = {});

  Pricer(PriceTable table,
         Rules rules,
         std::vector<PriceOverride> overrides,
         std::vector<ModelAlias> aliases);

  /// Sets `record->cost`, or empties it.
  void price(usage::Record* record) const;

  /// Of the list, as it stands in records: "genai-prices-0.1.8".
  [[nodiscard]] const std::string& version() const { return table_.version; }
  /// When the list was published: "2026-09-23".
  [[nodiscard]] const std::string& date() const { return table_.date; }

 private:
  struct Found {
    std::string id;  // of the priced model, lower case
    const Prices* listed = nullptr;
    std::optional<Prices> own;  // from `overrides_`, instead
    bool is_aliased = false;

    [[nodiscard]] const Prices& prices() const { return own ? *own : *listed; }
  };

  [[nodiscard]] std::optional<usage::Cost> cost_of(const usage::Record& record) const;
  [[nodiscard]] std::optional<Found> find(const usage::Record& record,
                                          std::string_view model,
                                          std::uint64_t input_total) const;
  [[nodiscard]] std::optional<Found> find_exactly(const usage::Record& record,
                                                  std::string_view provider,
                                                  std::string_view model,
                                                  std::uint64_t input_total) const;
  [[nodiscard]] std::optional<Ratio> factor_of(const usage::Record& record,
                                               std::string_view model) const;

  PriceTable table_;
  std::unique_ptr<KnownModels> known_ = std::make_unique<KnownModels>();
  Rules rules_;
  std::vector<PriceOverride> overrides_;
  std::vector<ModelAlias> aliases_;
};

}  // namespace agp::cost
