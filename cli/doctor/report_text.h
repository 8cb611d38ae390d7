#pragma once

#include "cli/doctor.h"
#include "cli/render.h"

#include <string>
#include <utility>
#include <vector>

namespace agp::cli::doctor {

using Found = std::vector<std::pair<const Check*, Finding>>;

/// Layer by layer, at most 80 columns wide, and no wider than the terminal; what failed is repeated
/// at the end with its remedy.
[[nodiscard]] std::string report_text(const Found& found, const Style& style);

}  // namespace agp::cli::doctor
