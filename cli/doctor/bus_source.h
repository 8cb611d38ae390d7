#pragma once

#include "cli/doctor/sources.h"

#include <optional>
#include <vector>

/// What the system bus, the service manager and the helper say. Each question has a limit of
/// seconds.
namespace agp::cli::doctor {

[[nodiscard]] Answer<SystemBus> ask_system_bus();
[[nodiscard]] Answer<std::vector<Unit>> ask_units();
[[nodiscard]] Answer<Helper> ask_helper();
[[nodiscard]] bool is_service_hung_on_bus();
[[nodiscard]] std::optional<bool> is_clock_synchronized();

}  // namespace agp::cli::doctor
