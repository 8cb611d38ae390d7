#pragma once

#include "cli/line.h"
#include "cli/output.h"
#include "cli/top/screen.h"

#include <functional>
#include <memory>

namespace agp::cli {

/// What `top` needs besides the daemon.
struct TopHost {
  /// None: there is no terminal.
  std::function<std::unique_ptr<top::Screen>()> open_screen;
  std::function<double()> seconds;     // of a clock that never goes back
  std::function<std::string()> clock;  // time of day, for people
};

/// The verb top: goes on until somebody says that it is enough. With --json it is one document.
[[nodiscard]] Output run_top(const Line& line, Daemon& daemon, const TopHost& host);
[[nodiscard]] Output run_top(const Line& line, Daemon& daemon, const Style& style);

}  // namespace agp::cli
