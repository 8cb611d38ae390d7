#pragma once

#include "cli/line.h"
#include "cli/output.h"
#include "cli/render.h"

#include <string>
#include <string_view>

namespace agp::cli {

/// why: what the quota went on.
[[nodiscard]] Output run_why(const Line& line, Daemon& daemon, const Style& style);

[[nodiscard]] Answer<std::string> render_why(std::string_view document, const Style& style);

}  // namespace agp::cli
