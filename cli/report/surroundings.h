#pragma once

#include "cli/report/report_document.h"

namespace agp::cli::report {

/// Of this machine: versions, files in /etc/antigravity-proxy, the newest lines of our units'
/// journal as far as this user may read them.
[[nodiscard]] Surroundings read_surroundings();

}  // namespace agp::cli::report
