#pragma once

#include "daemon/api/rfc3339.h"
#include "daemon/usage/record.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

/// One usage record as `antigravity-proxy.record.v1`: the same in answers, exports, streams and
/// replays. What is not known is null.
namespace agp::api {

inline constexpr const char* kRecordSchema = "antigravity-proxy.record.v1";
/// What every amount of money is, and is not.
inline constexpr const char* kCostBasis = "list price estimate";

[[nodiscard]] boost::json::object record_value(const usage::Record& record);

/// The record on one line, without a line end.
[[nodiscard]] std::string record_line(const usage::Record& record);

/// Parts of it, for forms that are not JSON.
[[nodiscard]] boost::json::value counts_value(
    const std::optional<std::map<std::string, std::uint64_t>>& counts);
[[nodiscard]] boost::json::value additional_usage_value(const usage::Record& record);

/// 10^-12 USD as USD.
[[nodiscard]] boost::json::value usd_value(const std::optional<std::uint64_t>& pico_usd);
/// The same to the last digit: "0.0049484".
[[nodiscard]] std::string usd_text(std::uint64_t pico_usd);

}  // namespace agp::api
