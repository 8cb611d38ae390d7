#pragma once

#include "common/base/result.h"
#include "daemon/cost/price_table.h"
#include "daemon/cost/rules.h"

#include <string_view>

namespace agp::cost {

/// What scripts/update-prices makes. Anything unknown in it is a fault: a condition or unit that is
/// passed over would give wrong prices.
[[nodiscard]] Result<PriceTable> read_table(std::string_view json);

/// data/prices/rules.json.
[[nodiscard]] Result<Rules> read_rules(std::string_view json);

}  // namespace agp::cost
