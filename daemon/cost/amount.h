#pragma once

#include "daemon/cost/price_table.h"
#include "daemon/usage/record.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace agp::cost {

/// Wide enough for all tokens that a record can hold, at any price, before the one rounding.
__extension__ using Wide = unsigned __int128;

/// All tokens of one call, in pico-USD, before factors; nullopt when a class of tokens that
/// occurred has no price.
[[nodiscard]] std::optional<Wide> token_cost(const Prices& prices, const usage::Usage& usage);

/// Fees per call of a server's tool, in pico-USD; what the list does not know is free.
[[nodiscard]] Wide tool_fees(const Prices& prices,
                             const std::map<std::string, std::uint64_t>& tools);

}  // namespace agp::cost
