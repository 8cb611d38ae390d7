#pragma once

#include "common/base/result.h"
#include "helper/core/arguments.h"
#include "helper/core/program_flags.h"
#include "helper/core/settings.h"

#include <string>
#include <vector>

/// What a language server is started with, given the flags it knows.
namespace agp::core {

struct StartPlan {
  /// The arguments after the program's name. Tokens stand there as ${NAME}, to be filled in by the
  /// service manager: whoever may look at the unit sees the name.
  std::vector<std::string> arguments;
  /// NAME=value lines for a file that only root reads.
  std::string secrets;
  /// The program knows one token for both directions: clients must send the one that the extension
  /// server expects.
  bool has_one_token = false;
};

/// @return Errc::no_binary when the program cannot be started so that it listens where we said and
///         signs in through the extension server; the text names the flag it lacks.
[[nodiscard]] Result<StartPlan> plan_start(const StartRequest& request,
                                           const Settings& settings,
                                           const ProgramFlags& flags);

}  // namespace agp::core
