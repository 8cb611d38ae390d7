#pragma once

#include "common/base/result.h"
#include "daemon/tls/openssl.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// What the issuer and the leaves have in common.
namespace agp::tls {

[[nodiscard]] Result<KeyPtr> make_p256_key();

/// X.509 v3 with a random 127-bit serial, the key and the life time; issuer, subject and extensions
/// are still to come.
[[nodiscard]] Result<CertificatePtr> make_certificate(
    EVP_PKEY* key,
    std::chrono::system_clock::time_point not_before,
    std::chrono::system_clock::time_point not_after);

/// False when OpenSSL is out of memory, the reason is in its queue.
[[nodiscard]] bool add_name_entry(X509_NAME* name, const char* field, std::string_view value);
[[nodiscard]] bool add_basic_constraints(X509* certificate, bool is_issuer);
/// @param bit  RFC 5280 section 4.2.1.3: 0 digitalSignature, 5 keyCertSign.
[[nodiscard]] bool add_key_usage(X509* certificate, int bit);
[[nodiscard]] bool add_server_auth(X509* certificate);
/// The identifier of the certificate's own key.
[[nodiscard]] bool add_subject_key_id(X509* certificate);
[[nodiscard]] bool add_authority_key_id(X509* certificate, X509* issuer);

[[nodiscard]] Result<std::string> to_pem(X509* certificate);
/// `ASN1_TIME` as a point in time; nullopt when it is none.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> to_time(const ASN1_TIME* time);

}  // namespace agp::tls
