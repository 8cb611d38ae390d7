#pragma once

#include "common/base/result.h"
#include "daemon/api/export_status.h"
#include "daemon/config/config.h"
#include "daemon/metrics/report.h"
#include "daemon/metrics/sink.h"
#include "daemon/otlp/exporter.h"
#include "daemon/otlp/request.h"
#include "daemon/otlp/sender.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>

namespace agp::app {

/// `telemetry.otlp` at work. A receiver that is wrong or gone is a problem of the status, never one
/// of the service.
class MetricsExport {
 public:
  struct Ports {
    boost::asio::any_io_executor executor;
    boost::asio::any_io_executor blocking;  // waits for the disk
    /// Tells everything there is to say at this moment.
    std::function<void(metrics::Sink&)> gather;
    std::function<std::optional<usage::Micros>()> ledger_began;
    usage::Micros started_at{};
  };

  /// @param config  outlives this; it names an endpoint.
  MetricsExport(const daemon_config::Config& config, const std::string& state_dir, Ports ports);

  /// For good; what is known now is kept for the next process.
  void stop();
  [[nodiscard]] metrics::Exports counts() const;
  [[nodiscard]] api::ExportStatus status() const;

 private:
  Result<> start(const daemon_config::Config& config, Ports ports);

  std::string receiver_;
  otlp::Queue queue_;
  otlp::Source source_;
  std::optional<otlp::Sender> sender_;
  std::optional<otlp::Exporter> exporter_;  // none: fault_ says why
  std::string fault_;
};

/// Lines of `NAME: VALUE`; empty ones are left out. Fields that belong to the exchange itself are
/// refused.
[[nodiscard]] Result<otlp::Fields> parse_fields(std::string_view text);

/// The id of this installation in `directory`: the same one for all processes, made by the first.
[[nodiscard]] std::string instance_id(const std::string& directory);

}  // namespace agp::app
