#pragma once

#include "cli/doctor/sources.h"

#include <string>
#include <vector>

struct sockaddr;

namespace agp::cli::doctor {

/// GET of a path over a connection to `address`; the whole answer may take a few seconds.
[[nodiscard]] Endpoint ask_endpoint(std::string name,
                                    const sockaddr* address,
                                    unsigned size,
                                    const std::string& path);

/// /health on each socket of the API, then /metrics.
[[nodiscard]] std::vector<Endpoint> ask_endpoints();

}  // namespace agp::cli::doctor
