#pragma once

#include "cli/daemon_client.h"

#include <memory>
#include <string>
#include <string_view>

#include <systemd/sd-bus.h>

/// Handles of sd-bus, and what the command says when a call over it fails.
namespace agp::cli {

struct BusCloser {
  void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};
using Bus = std::unique_ptr<sd_bus, BusCloser>;

struct MessageCloser {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, MessageCloser>;

struct BusError {
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  BusError(BusError&&) = delete;
  BusError& operator=(BusError&&) = delete;
  ~BusError() { sd_bus_error_free(&error); }
  [[nodiscard]] std::string_view name() const { return error.name == nullptr ? "" : error.name; }
  /// @param result of the call, for an error that has no text.
  [[nodiscard]] std::string text(int result) const;
  [[nodiscard]] bool is_denied() const;
  sd_bus_error error = SD_BUS_ERROR_NULL;
};

/// @param error number of the system, negative as sd-bus returns it.
[[nodiscard]] Failure no_bus(int error);
/// Of a call to the helper, but for what only one of its methods answers.
[[nodiscard]] Failure helper_failure(const BusError& error, int result);

}  // namespace agp::cli
