#pragma once

#include "cli/daemon_client.h"
#include "cli/style.h"

#include <string>

namespace agp::cli {

/// What a command line ends with. Commands write nothing themselves.
struct Output {
  Exit exit = Exit::ok;
  std::string out;
  std::string err;
};

/// Why there is no answer, on standard error or, with --json, as one document.
[[nodiscard]] Output failed(const Failure& failure, bool json);

/// A wrong command line, with a word about the verb's help.
/// @param nearest  what may have been meant; empty when nothing is near.
[[nodiscard]] Output wrong_line(const std::string& fault,
                                const std::string& verb,
                                bool json,
                                const std::string& nearest = "");

}  // namespace agp::cli
