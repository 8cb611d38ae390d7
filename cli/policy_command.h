#pragma once

#include "cli/line.h"
#include "cli/output.h"

namespace agp::cli {

/// The verbs `policy` (check, show, reload) and `config` (check).
[[nodiscard]] Output run_policy(const Line& line, Daemon& daemon, const Style& style);
[[nodiscard]] Output run_config(const Line& line, Daemon& daemon, const Style& style);

}  // namespace agp::cli
