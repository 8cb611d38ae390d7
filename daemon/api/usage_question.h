#pragma once

#include "common/base/result.h"
#include "daemon/api/visibility.h"
#include "daemon/api/zone.h"
#include "daemon/ledger/ledger.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// Questions about usage as their parameters say them; HTTP, D-Bus and the command speak the same.
/// Unknown, repeated and overlong parameters are refused by name.
namespace agp::api {

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// Nobody sees more by asking: `uid` can only narrow what Visibility allows.
struct UsageQuestion {
  ledger::Query query;
  Zone zone;
};

/// since, until, timezone, model, cascade, provider, host, kind, uid and group_by (comma list,
/// default `model`; empty: totals only).
/// @return ledger::Errc::invalid_query; the context is meant for the caller.
[[nodiscard]] Result<UsageQuestion> parse_usage_question(const Parameters& parameters,
                                                         const Visibility& who,
                                                         usage::Micros now);

/// The same filters; limit (1 to 1000, default 100) and cursor.
[[nodiscard]] Result<ledger::PageQuery> parse_records_question(const Parameters& parameters,
                                                               const Visibility& who,
                                                               usage::Micros now);

/// since (default -7d), until and timezone.
[[nodiscard]] Result<ledger::QuotaQuery> parse_quota_history_question(const Parameters& parameters,
                                                                      const Visibility& who,
                                                                      usage::Micros now);

struct WhyQuestion {
  usage::Micros since{};
  usage::Micros until{};
  std::optional<std::vector<std::uint32_t>> owners;
};

/// window: the time up to now, "5h" (default), "90m", "2d"; a minute to seven days.
[[nodiscard]] Result<WhyQuestion> parse_why_question(const Parameters& parameters,
                                                     const Visibility& who,
                                                     usage::Micros now);

enum class ExportFormat { csv, json, ndjson };
[[nodiscard]] const char* content_type(ExportFormat format);
/// "antigravity-proxy-usage.csv" and so on, for Content-Disposition.
[[nodiscard]] std::string file_name(ExportFormat format);

struct ExportQuestion {
  ledger::Filter filter;
  ExportFormat format = ExportFormat::ndjson;
};

/// The same filters and format: csv, json or ndjson; it must be there.
[[nodiscard]] Result<ExportQuestion> parse_export_question(const Parameters& parameters,
                                                           const Visibility& who,
                                                           usage::Micros now);

struct StreamQuestion {
  ledger::Filter filter;
  /// Records after this one; empty: only those that are still to come.
  std::optional<std::uint64_t> after;
};

/// model, cascade, provider, host, kind, uid and after.
/// @param last_event_id  of the request's head; it wins over `after`, being what a client adds by
///                       itself when it connects again.
[[nodiscard]] Result<StreamQuestion> parse_stream_question(
    const Parameters& parameters,
    const std::optional<std::string>& last_event_id,
    const Visibility& who);

}  // namespace agp::api
