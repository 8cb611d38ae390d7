#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace agp::usage {

/// A JSON number that is an integer in value (`40`, `40.0`, `1.24e3`), from 0 to 10^12, computed
/// without floating point. Empty: not such a number. Source: wire-formats section 3.3.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view number);

/// A string of 1 to 13 digits, from 0 to 10^12 (proto3 JSON writes int64 that way).
[[nodiscard]] std::optional<std::uint64_t> parse_count_string(std::string_view text);

}  // namespace agp::usage
