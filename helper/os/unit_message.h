#pragma once

#include "helper/core/language_server_unit.h"

#include <systemd/sd-bus.h>

namespace agp::os {

/// Arguments of the service manager's StartTransientUnit: name, mode, properties, no other units.
/// @return negative: an error number; the message is then not to be sent.
[[nodiscard]] int append_unit(sd_bus_message* message, const core::UnitSpec& spec);

}  // namespace agp::os
