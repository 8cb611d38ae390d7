#pragma once

#include "common/base/result.h"
#include "daemon/api/usage_question.h"
#include "daemon/ledger/ledger.h"
#include "daemon/quota/forecast.h"

#include <string>

#include <boost/json/value.hpp>

/// The documents of how a quota went, and why: HTTP and D-Bus answer the same. Both read the disk.
namespace agp::api {

/// antigravity-proxy.quota-history.v1
[[nodiscard]] Result<std::string> quota_history_document(ledger::Ledger& ledger,
                                                         const ledger::QuotaQuery& query,
                                                         usage::Micros now);

/// antigravity-proxy.why.v1
[[nodiscard]] Result<std::string> why_document(ledger::Ledger& ledger,
                                               const WhyQuestion& question,
                                               usage::Micros now);

/// The member `forecast` of what is left; null: there is too little to go by.
[[nodiscard]] boost::json::value forecast_value(const std::optional<quota::Forecast>& forecast);

}  // namespace agp::api
