#pragma once

#include "common/base/result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What may be put into the trust bundle. The one part of the helper that reads a structured
/// format from its caller, which is why it is small and uses nothing but libcrypto's reader.
namespace agp::core {

constexpr std::size_t kMaxCertificateBytes = 8192;

struct TrustedCertificate {
  std::string pem;         // re-encoded: only what was checked gets into the bundle
  std::int64_t not_after;  // Unix time
};

/// @param pem  exactly one CERTIFICATE block and white space: a P-256 CA with critical basic
///             constraints, certificate signing usage and critical, permitting name constraints,
///             valid at `now` (Unix time) and for at most 400 days.
/// @return Errc::certificate with what is wrong; never any of the input.
[[nodiscard]] Result<TrustedCertificate> check_certificate(std::string_view pem, std::int64_t now);

/// @param pem  one such certificate, or two: while the authority is replaced both are trusted.
/// @return in their order, with the error of the first that is none.
[[nodiscard]] Result<std::vector<TrustedCertificate>> check_certificates(std::string_view pem,
                                                                         std::int64_t now);

/// The bundle: ours first, then the system's.
[[nodiscard]] std::string compose_bundle(std::span<const TrustedCertificate> ours,
                                         std::string_view system_certificates);

/// Our first certificate out of a bundle, checked again.
[[nodiscard]] Result<TrustedCertificate> certificate_of_bundle(std::string_view bundle,
                                                               std::int64_t now);

[[nodiscard]] std::string sha256_hex(std::string_view content);

}  // namespace agp::core
