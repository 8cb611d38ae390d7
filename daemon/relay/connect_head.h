#pragma once

#include "common/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agp::relay {

/// Where an explicit-mode client wants to go.
struct ConnectTarget {
  std::string host;  // name or address literal, without brackets
  std::uint16_t port = 0;
  std::size_t head_size = 0;  // octets of the head; what follows belongs to the tunnel
};

inline constexpr std::size_t kConnectHeadLimit = 8 * 1024;

/// Reads the head of an HTTP CONNECT request (RFC 9110 section 9.3.6).
/// @return empty while more octets are needed; not_supported for a request with another method;
///         invalid_argument for anything else that is not a CONNECT to host:port; message_size
///         above kConnectHeadLimit.
[[nodiscard]] Result<std::optional<ConnectTarget>> parse_connect_head(std::string_view bytes);

}  // namespace agp::relay
