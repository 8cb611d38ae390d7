#include "cli/bus_call.h"

#include <cstring>

namespace agp::cli {

std::string BusError::text(int result) const {
  return error.message == nullptr ? std::strerror(-result) : error.message;
}

bool BusError::is_denied() const {
  return name() == SD_BUS_ERROR_ACCESS_DENIED ||
         name() == SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED;
}

Failure no_bus(int error) {
  return {Exit::unavailable, "no_bus",
          std::string("the system bus cannot be reached: ") + std::strerror(-error),
          "check that dbus.service runs"};
}

Failure helper_failure(const BusError& error, int result) {
  const auto text = error.text(result);
  if (error.name() == SD_BUS_ERROR_SERVICE_UNKNOWN) {
    return {Exit::unavailable, "no_helper", "the helper cannot be started: " + text,
            "install antigravity-proxy again"};
  }
  if (error.name() == SD_BUS_ERROR_UNKNOWN_METHOD) {
    return {Exit::failed, "too_old", "the running helper is of another version",
            "stop it: systemctl stop antigravity-proxy-helper; it starts when it is needed"};
  }
  return {Exit::failed, "failed", text, "see: journalctl -u antigravity-proxy-helper"};
}

}  // namespace agp::cli
