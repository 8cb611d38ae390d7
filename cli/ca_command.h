#pragma once

#include "cli/line.h"
#include "cli/output.h"

namespace agp::cli {

/// The verbs ca show and rotate: the authority that signs what intercepted programs see.
[[nodiscard]] Output run_ca(const Line& line, Daemon& daemon, const Style& style);

}  // namespace agp::cli
