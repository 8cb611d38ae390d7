#pragma once

#include <string>

/// When the units of the service end, is it for good?
namespace agp::core {

/// What the service manager says about the unit on whose behalf `--release` runs.
struct StopContext {
  std::string job_type;  // of the unit's pending job: "stop", "restart", "try-restart", ...; or ""
  bool main_process_runs = false;  // of antigravity-proxy.service
};

/// For antigravity-proxy.service's ExecStopPost: it also runs after a crash, when systemd is about
/// to start the daemon again, and in the middle of a restart. Rules and sockets stay then, so
/// nothing of the language server goes out unmetered meanwhile.
[[nodiscard]] bool releases_after_service(const StopContext& context);

/// For antigravity-proxy-capture.service's ExecStop. It is there for a stop while no process of the
/// daemon exists (the pause before an automatic restart): systemd runs no ExecStopPost then.
[[nodiscard]] bool releases_with_capture(const StopContext& context);

}  // namespace agp::core
