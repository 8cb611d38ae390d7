#pragma once

#include "cli/doctor/sources.h"

#include <string>

namespace agp::cli::doctor {

/// Empty when it cannot be read.
[[nodiscard]] std::string read_text(const std::string& path);

/// Of the file itself; a link is not followed.
[[nodiscard]] FileFacts look_at_file(const std::string& path);

}  // namespace agp::cli::doctor
