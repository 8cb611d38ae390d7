#pragma once

#include "cli/command.h"

#include <string>
#include <vector>

namespace agp::cli {

/// The verbs quota, models and sessions.
[[nodiscard]] bool is_login_verb(const std::string& verb);
[[nodiscard]] Output run_login(const std::vector<std::string>& words, Daemon& daemon, bool color);

}  // namespace agp::cli
