#pragma once

#include "cli/line.h"
#include "cli/output.h"

namespace agp::cli {

/// The verb `ls` (start, stop, restart, status): the language server that the service runs.
[[nodiscard]] Output run_language_server(const Line& line, Daemon& daemon, const Style& style);

}  // namespace agp::cli
