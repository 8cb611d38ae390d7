#pragma once

#include "daemon/api/usage_question.h"
#include "daemon/ledger/ledger.h"

#include <string>

/// Answers about usage as text; HTTP and D-Bus speak the same.
namespace agp::api {

inline constexpr const char* kUsageSchema = "antigravity-proxy.usage.v1";
inline constexpr const char* kRecordsSchema = "antigravity-proxy.records.v1";

/// The document `antigravity-proxy.usage.v1` (design.md section 5), ended by a newline.
[[nodiscard]] std::string render_usage(const ledger::Report& report,
                                       const UsageQuestion& question,
                                       usage::Micros now);

/// `antigravity-proxy.records.v1`.
[[nodiscard]] std::string render_records(const ledger::Page& page, usage::Micros now);

}  // namespace agp::api
