#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace agp::core {

/// A certificate to be checked; every field can be made wrong.
struct TestCertificate {
  const char* group = "prime256v1";  // empty: RSA
  const char* basic_constraints = "critical,CA:TRUE,pathlen:0";
  const char* key_usage = "critical,keyCertSign";
  const char* name_constraints = "critical,permitted;DNS:daily-cloudcode-pa.googleapis.com";
  long from = -3600;
  long until = 300L * 24 * 3600;
};

inline std::string make_pem(const TestCertificate& wanted = {}) {
  EVP_PKEY* key = std::string(wanted.group).empty() ? EVP_RSA_gen(2048) : EVP_EC_gen(wanted.group);
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
  X509_gmtime_adj(X509_getm_notBefore(certificate), wanted.from);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wanted.until);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  const std::vector<std::pair<int, const char*>> extensions{
      {NID_basic_constraints, wanted.basic_constraints},
      {NID_key_usage, wanted.key_usage},
      {NID_name_constraints, wanted.name_constraints}};
  for (const auto& [nid, value] : extensions) {
    if (value != nullptr) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
      X509_add_ext(certificate, extension, -1);
      X509_EXTENSION_free(extension);
    }
  }
  X509_sign(certificate, key, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(length));
  BIO_free_all(bio);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pem;
}

}  // namespace agp::core
