#pragma once

#include "common/base/result.h"
#include "daemon/api/visibility.h"
#include "daemon/ledger/ledger.h"

#include <string>
#include <utility>
#include <vector>

/// Usage questions and answers as text; HTTP and D-Bus speak the same.
namespace agp::api {

using Parameters = std::vector<std::pair<std::string, std::string>>;

struct UsageQuestion {
  ledger::Query query;
  std::string timezone = "UTC";
};

/// since, until, group_by (comma list, default `model`; empty: totals only), model, cascade,
/// timezone. Unknown and repeated parameters are refused by name.
/// @return ledger::Errc::invalid_query; the context is meant for the caller.
[[nodiscard]] Result<UsageQuestion> parse_usage_question(const Parameters& parameters,
                                                         const Visibility& who,
                                                         usage::Micros now);

/// limit (1 to 1000, default 100), cursor, since, until, model, cascade.
[[nodiscard]] Result<ledger::PageQuery> parse_records_question(const Parameters& parameters,
                                                               const Visibility& who,
                                                               usage::Micros now);

/// The document `antigravity-proxy.usage.v1` (design.md section 5), ended by a newline.
[[nodiscard]] std::string render_usage(const ledger::Report& report,
                                       const UsageQuestion& question,
                                       usage::Micros now);

/// `antigravity-proxy.records.v1`.
[[nodiscard]] std::string render_records(const ledger::Page& page, usage::Micros now);

}  // namespace agp::api
