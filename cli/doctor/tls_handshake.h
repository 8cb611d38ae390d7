#pragma once

#include "cli/doctor/sources.h"

#include <string>
#include <vector>

namespace agp::cli::doctor {

/// A TLS handshake on a connected, blocking socket, and nothing more. The certificate is judged
/// after it, so that no alert says to the other side that it was refused.
/// @param trusted_files  PEM files; `out.is_ours`: the certificate was signed by the first one's
///                       first certificate.
/// @param out  gets stage, problem and issuer.
void shake_hands(int socket,
                 const std::string& host,
                 const std::vector<std::string>& trusted_files,
                 Reach& out);

}  // namespace agp::cli::doctor
