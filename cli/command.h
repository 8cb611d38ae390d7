#pragma once

#include "cli/output.h"

#include <string>
#include <string_view>
#include <vector>

namespace agp::cli {

/// Runs one command line (without the program's name). Writes nothing itself.
/// @param style  what the terminal that standard output is, if it is one, allows.
[[nodiscard]] Output run(const std::vector<std::string>& arguments,
                         Daemon& daemon,
                         const Style& style);

/// The first words of the verbs that run() knows; the grammar has the same.
[[nodiscard]] std::vector<std::string_view> runnable_words();

}  // namespace agp::cli
