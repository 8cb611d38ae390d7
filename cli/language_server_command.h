#pragma once

#include "cli/command.h"

#include <string>
#include <vector>

namespace agp::cli {

/// The verb `ls` (start, stop, restart, status): the language server that the service runs.
/// @param words  the whole command line; the first word that is no option is the verb.
[[nodiscard]] Output run_language_server(const std::vector<std::string>& words,
                                         Daemon& daemon,
                                         bool color);

}  // namespace agp::cli
