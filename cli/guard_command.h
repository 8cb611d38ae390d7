#pragma once

#include "cli/line.h"
#include "cli/output.h"

#include <optional>
#include <string_view>

namespace agp::cli {

/// `guard --min-remaining SHARE`: whether enough of the quota is left. What is not known is not
/// enough.
[[nodiscard]] Output run_guard(const Line& line, Daemon& daemon, const Style& style);

/// "20%" and "0.2"; nothing outside of 0 to 1.
[[nodiscard]] std::optional<double> parse_share(std::string_view text);

}  // namespace agp::cli
