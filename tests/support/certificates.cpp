#include "tests/support/certificates.h"

#include "daemon/tls/engine.h"

#include <cassert>
#include <cstdio>
#include <cstdlib>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <unistd.h>

namespace agp::testing {
namespace {

void add_extension(X509* to, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  assert(extension != nullptr);
  X509_add_ext(to, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TestKeyPair make_certificate(const CertificateSpec& spec, const TestKeyPair* issuer) {
  static long serial = 1;
  TestKeyPair made;
  made.key.reset(
      spec.rsa_bits == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(static_cast<unsigned>(spec.rsa_bits)),
      EVP_PKEY_free);
  made.certificate.reset(X509_new(), X509_free);
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), spec.not_before);
  X509_gmtime_adj(X509_getm_notAfter(certificate), spec.not_after);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(spec.name.c_str()), -1, -1, 0);
  X509* parent = issuer != nullptr ? issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(parent));
  if (spec.is_authority) {
    add_extension(certificate, parent, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, parent, NID_key_usage, "critical,keyCertSign");
    if (!spec.constraints.empty()) {
      add_extension(certificate, parent, NID_name_constraints, "critical," + spec.constraints);
    }
  } else {
    add_extension(certificate, parent, NID_subject_alt_name,
                  spec.san.empty() ? "DNS:" + spec.name : spec.san);
    add_extension(certificate, parent, NID_ext_key_usage, "serverAuth");
  }
  EVP_PKEY* signer = issuer != nullptr ? issuer->key.get() : made.key.get();
  X509_sign(certificate, signer, spec.has_sha1 ? EVP_sha1() : EVP_sha256());
  return made;
}

std::shared_ptr<SSL_CTX> server_context(const TestKeyPair& pair,
                                        const std::vector<TestKeyPair>& chain) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  // A server may be as weak as it likes; refusing it is the other end's task.
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
  SSL_CTX_use_certificate(context.get(), pair.certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), pair.key.get());
  for (const auto& each : chain) {
    SSL_CTX_add1_chain_cert(context.get(), each.certificate.get());
  }
  tls::enable_alpn_selection(context.get());
  return context;
}

std::shared_ptr<SSL_CTX> client_context(const TestKeyPair& authority) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.certificate.get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

std::shared_ptr<SSL_CTX> upstream_context(const TestKeyPair& authority) {
  char path[] = "/tmp/agp-test-ca-XXXXXX";
  const int fd = ::mkstemp(path);
  assert(fd >= 0);
  FILE* file = ::fdopen(fd, "w");
  PEM_write_X509(file, authority.certificate.get());
  std::fclose(file);
  auto made = tls::upstream_context(path);
  ::unlink(path);
  assert(made);
  return std::shared_ptr<SSL_CTX>(made->release(), SSL_CTX_free);
}

}  // namespace agp::testing
