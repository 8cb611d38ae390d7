#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace agp::core {

/// The name servers outside this machine that /etc/resolv.conf names, as inet_ntop writes them: the
/// first three, which are all that the C library asks. What is no address is left out.
[[nodiscard]] std::vector<std::string> resolvers_of(std::string_view resolv_conf);

}  // namespace agp::core
