#pragma once

#include "common/base/result.h"

namespace agp::tls {

/// Leaves this process with the algorithms that TLS 1.2 and 1.3, our certificates and those of
/// upstream servers can take, where OpenSSL is a version that goes through all that it has each
/// time it decodes a certificate (3.0 and 3.1). A certificate then takes a fifth of the time. What
/// a handshake can agree on stays the same; OpenSSL's configuration may still add providers.
///
/// Call it once, before anything else of OpenSSL is used. Does nothing for newer versions.
/// @return Errc::crypto; everything works as before then, only slower.
[[nodiscard]] Result<> keep_tls_algorithms();

}  // namespace agp::tls
