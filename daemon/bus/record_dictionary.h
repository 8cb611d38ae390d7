#pragma once

#include "common/bus/compat.h"
#include "daemon/usage/record.h"

#include <map>
#include <string>

namespace agp::daemon_bus {

using Dictionary = std::map<std::string, sdbus::Variant>;

/// A record as the signal UsageRecorded tells it: what is not known is absent, never zero.
[[nodiscard]] Dictionary to_dictionary(const usage::Record& record);

}  // namespace agp::daemon_bus
