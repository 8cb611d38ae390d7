#pragma once

#include "cli/cleanup.h"
#include "cli/line.h"
#include "cli/output.h"

namespace agp::cli {

/// `cleanup [--dry-run]`.
[[nodiscard]] Output run_cleanup(const Line& line, CleanupMachine& machine);

}  // namespace agp::cli
