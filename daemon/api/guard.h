#pragma once

#include "daemon/api/http.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What is refused before anyone asks who is calling: the defences against web pages (DNS
/// rebinding, cross-site requests). Source: security.md section 9.
namespace agp::api {

struct Door {
  std::optional<std::uint16_t> port;     // local TCP port; empty: a Unix socket
  std::vector<std::string> extra_hosts;  // "name:port" allowed by configuration
};

/// True when a Host value names this machine's loopback at this door.
[[nodiscard]] bool is_own_host(std::string_view host, const Door& door);

/// @return the refusal, or empty when the request may go on. Looks at the head only.
[[nodiscard]] std::optional<ApiError> refuse_head(const Request& request, const Door& door);

}  // namespace agp::api
