#pragma once

#include "cli/cleanup.h"
#include "cli/command.h"

#include <string>
#include <vector>

namespace agp::cli {

/// `cleanup [--dry-run]`.
[[nodiscard]] Output run_cleanup(const std::vector<std::string>& words, CleanupMachine& machine);

}  // namespace agp::cli
