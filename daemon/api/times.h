#pragma once

#include "common/base/result.h"
#include "daemon/usage/record.h"

#include <string>
#include <string_view>

/// Times as text: RFC 3339 in and out, and the relative forms of `since` and `until`.
namespace agp::api {

/// "2026-11-22T04:00:00.000001Z"; whole seconds have no fraction.
[[nodiscard]] std::string to_rfc3339(usage::Micros at);

/// RFC 3339 ("2026-11-22T04:00:00Z", any offset, up to six digits of fraction), a date alone
/// ("2026-11-22", its start in UTC), "now", "today", "yesterday" (their start in UTC), or a span
/// back from now: "-90m", "-24h", "-7d", "-2w", "-30s".
/// @return ledger::Errc::invalid_query with a context that says what was expected.
[[nodiscard]] Result<usage::Micros> parse_time(std::string_view text, usage::Micros now);

}  // namespace agp::api
