#pragma once

#include "cli/command.h"

#include <string>
#include <vector>

namespace agp::cli {

/// The verbs usage, records and export.
[[nodiscard]] bool is_usage_verb(const std::string& verb);
[[nodiscard]] Output run_usage(const std::vector<std::string>& words, Daemon& daemon, bool color);

}  // namespace agp::cli
