#pragma once

#include "common/base/result.h"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

/// The helper's hands: each file implements a port of helper/core.
namespace agp::os {

struct CommandLimits {
  std::chrono::milliseconds time{10'000};
  std::size_t output_bytes = 1024 * 1024;
};

struct CommandResult {
  int exit_status = -1;     // -1: ended by a signal
  std::string output;       // standard output
  std::string diagnostics;  // standard error, first 4 KiB
};

/// Runs one program: absolute path, fixed arguments, no shell, empty environment but PATH and
/// LC_ALL. Past a limit it is killed and that is the error.
/// @param input fed to its standard input, which is then closed.
[[nodiscard]] Result<CommandResult> run_command(const std::string& program,
                                                const std::vector<std::string>& arguments,
                                                std::string_view input,
                                                const CommandLimits& limits = {});

}  // namespace agp::os
