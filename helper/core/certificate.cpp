#include "helper/core/certificate.h"

#include "helper/core/errc.h"

#include <array>
#include <ctime>
#include <memory>
#include <utility>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace agp::core {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::string_view kWhiteSpace = " \t\r\n";
constexpr std::string_view kBundleHead =
    "# Written by antigravity-proxy for its language servers; not for anything else.\n";
constexpr std::size_t kMostCertificates = 2;
constexpr std::int64_t kMaxLifetimeSeconds = 400LL * 24 * 3600;

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using X509Ptr = std::unique_ptr<X509, Freer<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using NamesPtr = std::unique_ptr<NAME_CONSTRAINTS, Freer<NAME_CONSTRAINTS_free>>;

Error refused(const char* why) {
  return {Errc::certificate, std::string("certificate ") + why};
}

Result<X509Ptr> parse(std::string_view pem) {
  if (pem.size() > kMaxCertificateBytes) {
    return refused("is larger than 8192 bytes");
  }
  if (pem.find("PRIVATE KEY") != std::string_view::npos) {
    return refused("comes with a private key, which never leaves the daemon");
  }
  const auto begin = pem.find(kBegin);
  const auto end = pem.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
    return refused("is not one PEM block");
  }
  const auto after = pem.substr(end + kEnd.size());
  if (pem.substr(0, begin).find_first_not_of(kWhiteSpace) != std::string_view::npos ||
      after.find_first_not_of(kWhiteSpace) != std::string_view::npos) {
    return refused("has something before or after its PEM block");
  }
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) {
    return refused("cannot be decoded");
  }
  return certificate;
}

bool is_critical(X509* certificate, int nid) {
  const int at = X509_get_ext_by_NID(certificate, nid, -1);
  return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, at)) == 1;
}

bool is_p256(X509* certificate) {
  EVP_PKEY* key = X509_get0_pubkey(certificate);
  std::array<char, 32> group{};
  std::size_t length = 0;
  return key != nullptr && EVP_PKEY_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) == 1 &&
         std::string_view(group.data(), length) == "prime256v1";
}

bool permits_names(X509* certificate) {
  const NamesPtr names(static_cast<NAME_CONSTRAINTS*>(
      X509_get_ext_d2i(certificate, NID_name_constraints, nullptr, nullptr)));
  return names && sk_GENERAL_SUBTREE_num(names->permittedSubtrees) > 0;
}

std::int64_t unix_time(const ASN1_TIME* at) {
  std::tm broken{};
  if (ASN1_TIME_to_tm(at, &broken) != 1) {
    return 0;
  }
  return static_cast<std::int64_t>(timegm(&broken));
}

Result<> check_kind(X509* certificate) {
  // Fills the cached extension fields that the calls below read.
  if (X509_check_purpose(certificate, -1, 0) != 1) {
    return refused("has extensions that contradict each other");
  }
  if ((X509_get_extension_flags(certificate) & EXFLAG_CA) == 0 ||
      !is_critical(certificate, NID_basic_constraints)) {
    return refused("is not a CA (critical basicConstraints CA:TRUE)");
  }
  if ((X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) == 0) {
    return refused("may not sign certificates (keyUsage)");
  }
  if (!is_p256(certificate)) {
    return refused("has a key that is not ECDSA P-256");
  }
  if (!is_critical(certificate, NID_name_constraints) || !permits_names(certificate)) {
    return refused("is not limited to certain names (critical nameConstraints)");
  }
  return {};
}

Result<std::int64_t> check_dates(X509* certificate, std::int64_t now) {
  const auto from = unix_time(X509_get0_notBefore(certificate));
  const auto until = unix_time(X509_get0_notAfter(certificate));
  if (until <= now) {
    return refused("has expired: restart antigravity-proxy to renew it, or check the clock");
  }
  if (from > now) {
    return refused("is not valid yet: check the clock");
  }
  if (until - from > kMaxLifetimeSeconds) {
    return refused("is valid for more than 400 days");
  }
  return until;
}

Result<std::string> encode(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  char* data = nullptr;
  if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return refused("cannot be encoded");
  }
  const long length = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(length));
}

}  // namespace

Result<TrustedCertificate> check_certificate(std::string_view pem, std::int64_t now) {
  auto certificate = parse(pem);
  if (!certificate) {
    return certificate.error();
  }
  if (auto kind = check_kind(certificate->get()); !kind) {
    return kind.error();
  }
  auto until = check_dates(certificate->get(), now);
  if (!until) {
    return until.error();
  }
  auto encoded = encode(certificate->get());
  if (!encoded) {
    return encoded.error();
  }
  return TrustedCertificate{std::move(*encoded), *until};
}

Result<std::vector<TrustedCertificate>> check_certificates(std::string_view pem, std::int64_t now) {
  if (pem.size() > kMaxCertificateBytes) {
    return refused("is larger than 8192 bytes");
  }
  std::vector<TrustedCertificate> checked;
  do {
    const auto end = pem.find(kEnd);
    const auto size = end == std::string_view::npos ? pem.size() : end + kEnd.size();
    auto one = check_certificate(pem.substr(0, size), now);
    if (!one) {
      return one.error();
    }
    if (checked.size() == kMostCertificates) {
      return refused("comes with more than one other");
    }
    checked.push_back(std::move(*one));
    pem.remove_prefix(size);
  } while (pem.find_first_not_of(kWhiteSpace) != std::string_view::npos);
  return checked;
}

std::string compose_bundle(std::span<const TrustedCertificate> ours,
                           std::string_view system_certificates) {
  std::string bundle(kBundleHead);
  for (const auto& each : ours) {
    bundle += each.pem;
  }
  bundle += system_certificates;
  return bundle;
}

Result<TrustedCertificate> certificate_of_bundle(std::string_view bundle, std::int64_t now) {
  if (!bundle.starts_with(kBundleHead)) {
    return Error(Errc::file, "the trust bundle was not written by this helper");
  }
  bundle.remove_prefix(kBundleHead.size());
  const auto end = bundle.find(kEnd);
  if (end == std::string_view::npos) {
    return Error(Errc::file, "the trust bundle has no certificate");
  }
  return check_certificate(bundle.substr(0, end + kEnd.size()), now);
}

std::string sha256_hex(std::string_view content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(content.data(), content.size(), digest.data(), &length, EVP_sha256(), nullptr) !=
      1) {
    return {};
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 0x0f];
  }
  return text;
}

}  // namespace agp::core
