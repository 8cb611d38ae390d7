#pragma once

#include "cli/doctor.h"
#include "cli/line.h"
#include "cli/output.h"

namespace agp::cli {

[[nodiscard]] Output run_doctor(const Line& line, Daemon& daemon, bool color);

/// The same with facts of one's own.
[[nodiscard]] Output examine(Facts& facts, bool json, bool color);

}  // namespace agp::cli
