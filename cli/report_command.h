#pragma once

#include "cli/line.h"
#include "cli/output.h"

#include <string>

namespace agp::cli {

/// `report`: what a bug report needs, without what is nobody's business.
[[nodiscard]] Output run_report(const Line& line, Daemon& daemon, const Style& style);

namespace report {

/// Makes the file with mode 0600; never over another, never through a link.
[[nodiscard]] Answer<bool> write_new_file(const std::string& path, const std::string& text);

}  // namespace report
}  // namespace agp::cli
