#pragma once

#include "cli/command.h"

#include <string>
#include <vector>

namespace agp::cli {

/// The verb replay; it needs no daemon.
[[nodiscard]] Output run_replay(const std::vector<std::string>& words);

}  // namespace agp::cli
