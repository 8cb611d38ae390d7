#pragma once

#include "common/base/result.h"
#include "daemon/api/rfc3339.h"
#include "daemon/api/zone.h"
#include "daemon/usage/record.h"

#include <string_view>

/// Times as text: RFC 3339 and the relative forms of `since` and `until`.
namespace agp::api {

/// RFC 3339 ("2026-11-22T04:00:00Z", any offset, up to six digits of fraction), a date alone
/// ("2026-11-22", its start in `zone`), "now", "today", "yesterday" (their start in `zone`), or a
/// span back from now: "-90m", "-24h", "-30s", and "-7d", "-2w", which keep the time of day of
/// `zone`.
/// @return ledger::Errc::invalid_query with a context that says what was expected.
[[nodiscard]] Result<usage::Micros> parse_time(std::string_view text,
                                               usage::Micros now,
                                               const Zone& zone = Zone());

}  // namespace agp::api
