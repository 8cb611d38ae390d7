#pragma once

#include "daemon/api/status.h"

#include <string>

namespace agp::api {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`: the interception's counters in the text format of Prometheus. No host names: a
/// client chooses those.
[[nodiscard]] std::string render_metrics(const StatusReport& report);

}  // namespace agp::api
