#pragma once

#include "common/base/result.h"
#include "common/bus/errors.h"
#include "helper/core/extension_patch.h"
#include "helper/core/operations.h"

#include <map>
#include <string>
#include <vector>

#include <sdbus-c++/sdbus-c++.h>

/// What the interface answers with, in the words of its description.
namespace agp::helper {

[[nodiscard]] bus::Errc bus_code(const Error& error);
/// For callers: the journal has all of it; errors of this side of the bus are our own words.
[[nodiscard]] std::string told(const Error& error);

using Dictionary = std::map<std::string, sdbus::Variant>;
[[nodiscard]] Dictionary to_dictionary(const core::StatusReport& report);

using ExtensionRow = sdbus::Struct<std::string, std::string, std::string, std::string, std::string>;
using ExtensionRows = std::vector<ExtensionRow>;
[[nodiscard]] ExtensionRows to_rows(const std::vector<core::ExtensionReport>& files);

}  // namespace agp::helper
