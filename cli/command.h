#pragma once

#include "cli/daemon_client.h"

#include <string>
#include <vector>

namespace agp::cli {

struct Output {
  Exit exit = Exit::ok;
  std::string out;
  std::string err;
};

/// Runs one command line (without the program's name). Writes nothing itself.
/// @param color  standard output is a terminal that may be coloured.
[[nodiscard]] Output run(const std::vector<std::string>& arguments, Daemon& daemon, bool color);

}  // namespace agp::cli
