#include "tests/support/certificates.h"

#include "daemon/tls/engine.h"

#include <cassert>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

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
  made.key.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
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
  } else {
    add_extension(certificate, parent, NID_subject_alt_name, "DNS:" + spec.name);
    add_extension(certificate, parent, NID_ext_key_usage, "serverAuth");
  }
  EVP_PKEY* signer = issuer != nullptr ? issuer->key.get() : made.key.get();
  X509_sign(certificate, signer, EVP_sha256());
  return made;
}

std::shared_ptr<SSL_CTX> server_context(const TestKeyPair& pair) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_use_certificate(context.get(), pair.certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), pair.key.get());
  tls::enable_alpn_selection(context.get());
  return context;
}

std::shared_ptr<SSL_CTX> client_context(const TestKeyPair& authority) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), authority.certificate.get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

}  // namespace agp::testing
