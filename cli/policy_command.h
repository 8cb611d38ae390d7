#pragma once

#include "cli/command.h"

#include <string>
#include <vector>

namespace agp::cli {

/// The verbs `policy` (check, show, reload) and `config` (check).
/// @param words  the whole command line; the first word that is no option is one of them.
[[nodiscard]] Output run_policy(const std::vector<std::string>& words, Daemon& daemon, bool color);

}  // namespace agp::cli
