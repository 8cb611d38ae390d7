#pragma once

#include "cli/doctor/sources.h"

#include <string>

namespace agp::cli::doctor {

/// Where the files are; other places only in tests.
struct TrustPaths {
  std::string bundle = "/run/antigravity-proxy-helper/ca-bundle.pem";
  std::string system_store = "/etc/ssl/certs/ca-certificates.crt";
  std::string ca_directory = "/var/lib/antigravity-proxy/ca";
};

/// @param can_see_key  the caller is root: the state directory is closed to all others.
[[nodiscard]] Trust read_trust(const TrustPaths& paths, bool can_see_key);

}  // namespace agp::cli::doctor
