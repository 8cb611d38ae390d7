#pragma once

#include "daemon/api/http.h"
#include "daemon/api/status.h"
#include "daemon/metrics/report.h"

namespace agp::api {

/// `GET /metrics`, as it was asked for.
struct Scrape {
  metrics::Format format = metrics::Format::prometheus;
  bool sees_usage = false;  // of all users together
};

/// No user, cascade, path or name that a client chose freely is a label. docs/metrics.md lists what
/// is.
[[nodiscard]] Response answer_metrics(const Scrape& scrape,
                                      const StatusReport& report,
                                      const metrics::Report& usage);

}  // namespace agp::api
