#pragma once

#include "cli/line.h"
#include "cli/output.h"

#include <chrono>
#include <string>
#include <vector>

namespace agp::cli {

/// How long somebody who pressed the tabulator key waits.
inline constexpr std::chrono::milliseconds kCompletionPatience{800};

/// `complete KIND`: what the service knows of that kind, one a line; nothing when it does not say.
[[nodiscard]] Output run_complete(const Line& line, Daemon& daemon, const Style& style);

[[nodiscard]] bool is_completion(const std::vector<std::string>& words);

}  // namespace agp::cli
