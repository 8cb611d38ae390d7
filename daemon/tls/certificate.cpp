#include "daemon/tls/certificate.h"

#include <array>

#include <openssl/pem.h>
#include <time.h>

namespace agp::tls {
namespace {

using Time = std::chrono::system_clock::time_point;

bool set_time(ASN1_TIME* field, Time at) {
  return ASN1_TIME_set(field, std::chrono::system_clock::to_time_t(at)) != nullptr;
}

bool set_random_serial(X509* certificate) {
  // The top bit set and one octet less than the 20 allowed: positive, never zero, one length.
  const BignumPtr number(BN_new());
  return number && BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

// The first 20 octets of SHA-256 (RFC 7093): SHA-1 may be switched off by policy.
OctetStringPtr key_id(X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  OctetStringPtr id(ASN1_OCTET_STRING_new());
  if (!id || X509_pubkey_digest(certificate, EVP_sha256(), digest.data(), &size) != 1 ||
      ASN1_OCTET_STRING_set(id.get(), digest.data(), 20) != 1) {
    return nullptr;
  }
  return id;
}

bool add_extension(X509* certificate, int nid, void* value, bool is_critical) {
  return X509_add1_ext_i2d(certificate, nid, value, is_critical ? 1 : 0, X509V3_ADD_DEFAULT) == 1;
}

}  // namespace

Result<KeyPtr> make_p256_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) {
    return openssl_error("P-256 key generation");
  }
  return key;
}

Result<CertificatePtr> make_certificate(EVP_PKEY* key, Time not_before, Time not_after) {
  CertificatePtr certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !set_random_serial(certificate.get()) ||
      !set_time(X509_getm_notBefore(certificate.get()), not_before) ||
      !set_time(X509_getm_notAfter(certificate.get()), not_after) ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return openssl_error("certificate fields");
  }
  return certificate;
}

bool add_name_entry(X509_NAME* name, const char* field, std::string_view value) {
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool add_basic_constraints(X509* certificate, bool is_issuer) {
  const BasicConstraintsPtr constraints(BASIC_CONSTRAINTS_new());
  if (!constraints) {
    return false;
  }
  if (is_issuer) {
    constraints->ca = 0xFF;  // DER's only true (X.690 section 11.1); Go refuses any other
    constraints->pathlen = ASN1_INTEGER_new();  // owned by the structure; its value is zero
    if (constraints->pathlen == nullptr || ASN1_INTEGER_set(constraints->pathlen, 0) != 1) {
      return false;
    }
  }
  return add_extension(certificate, NID_basic_constraints, constraints.get(), true);
}

bool add_key_usage(X509* certificate, int bit) {
  const BitStringPtr usage(ASN1_BIT_STRING_new());
  return usage && ASN1_BIT_STRING_set_bit(usage.get(), bit, 1) == 1 &&
         add_extension(certificate, NID_key_usage, usage.get(), true);
}

bool add_server_auth(X509* certificate) {
  const ExtendedKeyUsagePtr usage(EXTENDED_KEY_USAGE_new());
  // The object is a static table entry, freeing it with the stack does nothing.
  return usage && sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(NID_server_auth)) > 0 &&
         add_extension(certificate, NID_ext_key_usage, usage.get(), false);
}

bool add_subject_key_id(X509* certificate) {
  const auto id = key_id(certificate);
  return id && add_extension(certificate, NID_subject_key_identifier, id.get(), false);
}

bool add_authority_key_id(X509* certificate, X509* issuer) {
  const AuthorityKeyIdPtr authority(AUTHORITY_KEYID_new());
  const auto* id = X509_get0_subject_key_id(issuer);
  if (!authority || id == nullptr) {
    return false;
  }
  authority->keyid = ASN1_OCTET_STRING_dup(id);  // owned by the structure
  return authority->keyid != nullptr &&
         add_extension(certificate, NID_authority_key_identifier, authority.get(), false);
}

Result<std::string> to_pem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return openssl_error("certificate as PEM");
  }
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::optional<Time> to_time(const ASN1_TIME* time) {
  struct tm fields {};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) {
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(::timegm(&fields));
}

}  // namespace agp::tls
