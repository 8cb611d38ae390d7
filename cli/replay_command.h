#pragma once

#include "cli/line.h"
#include "cli/output.h"

namespace agp::cli {

/// The verb replay; it needs no daemon.
[[nodiscard]] Output run_replay(const Line& line);

}  // namespace agp::cli
