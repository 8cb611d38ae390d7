#pragma once

#include "daemon/usage/record.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace agp::api {

/// UTC: "2026-11-22T04:00:00.000001Z"; whole seconds have no fraction.
[[nodiscard]] std::string to_rfc3339(usage::Micros at);

/// "2026-11-22T04:00:00Z", any offset, up to nine digits of fraction.
[[nodiscard]] std::optional<usage::Micros> parse_rfc3339(std::string_view text);

/// "2026-11-22".
[[nodiscard]] std::optional<std::chrono::sys_days> parse_date(std::string_view text);

}  // namespace agp::api
