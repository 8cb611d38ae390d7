#pragma once

#include "cli/doctor.h"
#include "cli/line.h"
#include "cli/output.h"

namespace agp::cli {

[[nodiscard]] Output run_doctor(const Line& line, Daemon& daemon, const Style& style);

/// The same with facts of one's own.
[[nodiscard]] Output examine(Facts& facts, bool json, const Style& style);

}  // namespace agp::cli
