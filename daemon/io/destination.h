#pragma once

#include "common/base/result.h"
#include "common/config/values.h"

#include <cstdint>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

namespace agp::io {

enum class DestinationErrc {
  not_redirected = 1,  // someone connected to the interception port itself
  not_global,          // loopback, private, link-local, multicast...: refused unless allowed
  wrong_port,
};
const boost::system::error_category& destination_category();
inline boost::system::error_code make_error_code(DestinationErrc e) {
  return {static_cast<int>(e), destination_category()};
}

/// Where the client of a redirected connection thought it went (SO_ORIGINAL_DST, both families).
/// @return not_redirected when the kernel names our own listening address: then nobody redirected.
[[nodiscard]] Result<boost::asio::ip::tcp::endpoint> original_destination(int socket);

/// Which destinations may be dialled.
struct DestinationRules {
  std::vector<config::Network>
      allowed;  // root-owned configuration: not global, and wanted all the same
  std::uint16_t port = 443;
};

/// Whether we may dial `destination`: the port of the rules, and a global unicast address or one
/// that they allow. Keeps the relay from being a way into the host's own or internal services.
[[nodiscard]] Result<> check_destination(const boost::asio::ip::tcp::endpoint& destination,
                                         const DestinationRules& rules);

}  // namespace agp::io

template <>
struct boost::system::is_error_code_enum<agp::io::DestinationErrc> : std::true_type {};
