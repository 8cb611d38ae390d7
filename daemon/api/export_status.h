#pragma once

#include "daemon/metrics/exports.h"

#include <optional>
#include <string>

#include <boost/json/object.hpp>

namespace agp::api {

/// Metrics on their way to a receiver.
struct ExportStatus {
  std::string receiver;  // without the path, which may have a credential in it
  metrics::Exports counts;
  std::string last_error;  // why the last attempt failed; empty: it did not
  /// Why nothing arrives, once that is no passing trouble; empty: it does.
  std::optional<std::string> problem;
  /// Why what cannot be sent is not kept; empty: it is.
  std::optional<std::string> keep_problem;
};

/// The object `metrics_export` of `GET /v1/status`.
[[nodiscard]] boost::json::object export_value(const ExportStatus& status);

}  // namespace agp::api
