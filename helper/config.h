#pragma once

#include "common/base/result.h"
#include "common/config/schema.h"
#include "helper/core/settings.h"

#include <string>
#include <vector>

namespace agp::helper {

/// Reads helper.yaml. A missing file means the defaults; one that others than root can change, or
/// that has a fault, is an error that names all faults with file:line:column.
[[nodiscard]] Result<core::Settings> load_settings(const std::string& path);

/// The same for text that was read already. @param name how faults call the file.
[[nodiscard]] Result<core::Settings> parse_settings(const std::string& text,
                                                    const std::string& name);

/// The keys of helper.yaml, for the manual.
[[nodiscard]] std::vector<config::Row> settings_rows();

}  // namespace agp::helper
