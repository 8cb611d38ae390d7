#pragma once

#include "cli/command.h"
#include "cli/doctor.h"

#include <string>
#include <vector>

namespace agp::cli {

[[nodiscard]] Output run_doctor(const std::vector<std::string>& words, Daemon& daemon, bool color);

/// The same with facts of one's own.
[[nodiscard]] Output examine(Facts& facts, bool json, bool color);

}  // namespace agp::cli
