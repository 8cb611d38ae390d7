#pragma once

#include "common/config/fault.h"
#include "common/config/schema.h"
#include "daemon/config/config.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Prices of one's own, `cost.prices` and `cost.aliases`.
namespace agp::daemon_config {

/// An element of `cost.prices` as written.
struct RawPrice {
  std::string model;
  std::string provider;
  std::string since;
  std::uint64_t above = 0;
  std::string input;
  std::string output;
  std::string cached;
  std::string cache_write;
  std::string cache_write_1h;
};

/// An element of `cost.aliases` as written.
struct RawAlias {
  std::string model;
  std::string as;
};

void describe_price(config::Schema& element, RawPrice* into);
void describe_alias(config::Schema& element, RawAlias* into);

/// Judges what the tables cannot, and fills `config->cost_prices` and `config->cost_aliases`.
void check_cost_prices(Config* config,
                       const std::vector<RawPrice>& prices,
                       const std::vector<RawAlias>& aliases,
                       const config::Schema& schema,
                       const std::string& file,
                       config::Faults& faults);

/// "2.5" USD as 2,500,000 micro-USD; up to six decimals and 10,000 USD.
[[nodiscard]] std::optional<std::uint64_t> parse_micro_usd(std::string_view text);

}  // namespace agp::daemon_config
