#pragma once

#include <string_view>

/// data/prices, as compiled in.
namespace agp::cost {

[[nodiscard]] std::string_view builtin_table();
[[nodiscard]] std::string_view builtin_rules();

}  // namespace agp::cost
