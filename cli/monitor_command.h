#pragma once

#include "cli/line.h"
#include "cli/output.h"

#include <optional>
#include <string>
#include <string_view>

namespace agp::cli {

/// What `monitor` needs of the machine.
class MonitorHost {
 public:
  MonitorHost() = default;
  MonitorHost(const MonitorHost&) = delete;
  MonitorHost& operator=(const MonitorHost&) = delete;
  MonitorHost(MonitorHost&&) = delete;
  MonitorHost& operator=(MonitorHost&&) = delete;
  virtual ~MonitorHost() = default;

  /// Sends a request to the service. @return false when nobody listens.
  [[nodiscard]] virtual bool ask(const std::string& request) = 0;
  /// The next octets of the answer; nothing when it has ended or somebody wants to end.
  [[nodiscard]] virtual std::optional<std::string> read() = 0;
  /// On standard output. @return false when nobody reads it any more.
  [[nodiscard]] virtual bool write(std::string_view text) = 0;
  /// A moment, before the next try. @return false when somebody wants to end.
  [[nodiscard]] virtual bool wait() = 0;
};

/// `monitor`: records as they come, one JSON document a line, over restarts of the service.
[[nodiscard]] Output run_monitor(const Line& line, Daemon& daemon, MonitorHost& host);

}  // namespace agp::cli
