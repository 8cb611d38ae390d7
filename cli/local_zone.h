#pragma once

#include <string>

namespace agp::cli {

/// The IANA name of the time zone that this command runs in: TZ, else what /etc/localtime links to;
/// "UTC" when neither says.
/// @param localtime  another link, for tests.
[[nodiscard]] std::string local_zone(const std::string& localtime = "/etc/localtime");

}  // namespace agp::cli
