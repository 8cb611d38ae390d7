#pragma once

#include "cli/line.h"
#include "cli/output.h"

namespace agp::cli {

/// The verbs capture on, off and status: whether model calls are measured at all.
[[nodiscard]] Output run_capture(const Line& line, Daemon& daemon, const Style& style);

}  // namespace agp::cli
