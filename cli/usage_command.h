#pragma once

#include "cli/line.h"
#include "cli/output.h"

namespace agp::cli {

/// The verbs usage, records and export.
[[nodiscard]] Output run_usage(const Line& line, Daemon& daemon, const Style& style);
[[nodiscard]] Output run_records(const Line& line, Daemon& daemon, const Style& style);
[[nodiscard]] Output run_export(const Line& line, Daemon& daemon, const Style& style);

}  // namespace agp::cli
