#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openssl/ssl.h>
#include <openssl/x509.h>

/// Certificates for tests, made in memory.
namespace agp::testing {

struct TestKeyPair {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> certificate;
};

struct CertificateSpec {
  std::string name;  // subject CN, and DNS SAN when not an authority
  bool is_authority = false;
  long not_before = -3600;  // seconds from now
  long not_after = 86400;
  std::string san = {};          // in place of the name, "DNS:*.example"
  int rsa_bits = 0;              // 0 makes a P-256 key
  bool has_sha1 = false;         // signed with SHA-1
  std::string constraints = {};  // nameConstraints of an authority, "permitted;DNS:example"
};

/// Signed by `issuer`, or by itself when there is none.
TestKeyPair make_certificate(const CertificateSpec& spec, const TestKeyPair* issuer = nullptr);

/// Context for an answering endpoint with ALPN selection enabled.
/// @param chain  certificates to send after the leaf.
std::shared_ptr<SSL_CTX> server_context(const TestKeyPair& pair,
                                        const std::vector<TestKeyPair>& chain = {});

/// Context for a dialling endpoint that trusts `authority` alone.
std::shared_ptr<SSL_CTX> client_context(const TestKeyPair& authority);

/// The product's own context for upstream, with `authority` as the extra CA file.
std::shared_ptr<SSL_CTX> upstream_context(const TestKeyPair& authority);

}  // namespace agp::testing
