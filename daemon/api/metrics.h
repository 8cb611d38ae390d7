#pragma once

#include "daemon/api/http.h"
#include "daemon/api/status.h"
#include "daemon/metrics/exposition.h"
#include "daemon/metrics/report.h"

namespace agp::api {

/// `GET /metrics`, as it was asked for.
struct Scrape {
  metrics::Format format = metrics::Format::prometheus;
  bool sees_usage = false;  // of all users together
};

/// All there is to say, family by family. No user, cascade, path or name that a client chose freely
/// is a label. docs/metrics.md lists what is.
/// @param sees_usage  tells what all users together have used, too.
void gather_metrics(metrics::Sink& sink,
                    const StatusReport& report,
                    const metrics::Report& usage,
                    bool sees_usage);

[[nodiscard]] Response answer_metrics(const Scrape& scrape,
                                      const StatusReport& report,
                                      const metrics::Report& usage);

}  // namespace agp::api
