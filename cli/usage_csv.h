#pragma once

#include "cli/daemon_client.h"

#include <string>
#include <string_view>

namespace agp::cli {

/// The groups of a document antigravity-proxy.usage.v1 as CSV, quoted as an export is: a header
/// line with the keys and the names of the sums, and one line for each group. What is not known is
/// an empty field.
/// @param keys  the comma list that was asked for.
[[nodiscard]] Answer<std::string> usage_csv(std::string_view document, std::string_view keys);

}  // namespace agp::cli
