#pragma once

#include <string>
#include <string_view>

namespace agp::api {

/// The text with each ill-formed part replaced by U+FFFD: names come from the network, and neither
/// JSON nor the bus carries anything but UTF-8. NUL, which the bus cannot carry, is replaced too.
/// Source: Unicode, section 3.9, "substitution of maximal subparts".
[[nodiscard]] std::string utf8(std::string_view text);

}  // namespace agp::api
