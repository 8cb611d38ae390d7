#pragma once

#include "cli/doctor/sources.h"

#include <string>

namespace agp::cli::doctor {

/// @param folder  with proxy.yaml and the others; /etc/antigravity-proxy but in tests.
[[nodiscard]] Configuration read_configuration(const std::string& folder);

}  // namespace agp::cli::doctor
