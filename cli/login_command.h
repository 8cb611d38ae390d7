#pragma once

#include "cli/line.h"
#include "cli/output.h"

namespace agp::cli {

/// The verbs quota, models and sessions.
[[nodiscard]] Output run_login(const Line& line, Daemon& daemon, const Style& style);

}  // namespace agp::cli
