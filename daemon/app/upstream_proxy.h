#pragma once

#include "common/base/result.h"
#include "daemon/config/config.h"
#include "daemon/io/proxy_handshake.h"

#include <memory>

namespace agp::app {

/// `upstream.proxy` and its credentials as the dialer wants them; null when none is set.
/// @return an error that names the file when it cannot be read, is no `user:password` line, or may
///         be read by everybody.
[[nodiscard]] Result<std::shared_ptr<const io::UpstreamProxy>> load_upstream_proxy(
    const daemon_config::Upstream& upstream);

}  // namespace agp::app
