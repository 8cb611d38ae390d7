#pragma once

#include "cli/monitor_command.h"
#include "common/base/unique_fd.h"

namespace agp::cli {

/// The socket of the API, standard output, and the signals that end a program at a terminal. The
/// first question takes them from the whole process.
class SystemMonitorHost final : public MonitorHost {
 public:
  explicit SystemMonitorHost(std::string socket = "/run/antigravity-proxy/api.sock",
                             int output = 1);

  [[nodiscard]] bool ask(const std::string& request) override;
  [[nodiscard]] std::optional<std::string> read() override;
  [[nodiscard]] bool write(std::string_view text) override;
  [[nodiscard]] bool wait() override;

 private:
  void take_signals();
  // Whether there is something to read from `fd` before a signal or the time comes.
  [[nodiscard]] bool is_readable(int fd, int milliseconds);

  std::string path_;
  int output_;
  UniqueFd signals_;
  UniqueFd connection_;
  bool is_stopped_ = false;
};

}  // namespace agp::cli
