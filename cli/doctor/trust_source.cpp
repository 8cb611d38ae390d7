#include "cli/doctor/trust_source.h"

#include "cli/doctor/file_facts.h"
#include "helper/core/certificate.h"

#include <ctime>
#include <memory>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pwd.h>

namespace agp::cli::doctor {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";

std::size_t certificates_in(std::string_view pem) {
  std::size_t count = 0;
  for (auto at = pem.find(kBegin); at != std::string_view::npos; at = pem.find(kBegin, at + 1)) {
    ++count;
  }
  return count;
}

struct CertificateCloser {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, CertificateCloser>;
struct BioCloser {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

Certificate certificate_of(std::string_view pem) {
  const std::unique_ptr<BIO, BioCloser> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

std::int64_t unix_time(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? ::timegm(&parts) : 0;
}

void look_at_bundle(const TrustPaths& paths, Trust& out) {
  const auto text = read_text(paths.bundle);
  const auto count = certificates_in(text);
  const auto first = certificate_of(text);
  if (first == nullptr) {
    out.bundle_problem = "no certificate can be read from it";
    return;
  }
  out.not_before = unix_time(X509_get0_notBefore(first.get()));
  out.not_after = unix_time(X509_get0_notAfter(first.get()));
  // Judged at a time at which it is valid: the clock is a check of its own.
  const auto ours = core::certificate_of_bundle(text, out.not_before);
  if (!ours) {
    out.bundle_problem = "its first certificate is not ours (" + ours.error().text() + ")";
    return;
  }
  out.others = count - 1;
}

}  // namespace

Trust read_trust(const TrustPaths& paths, bool can_see_key) {
  Trust out;
  out.bundle = look_at_file(paths.bundle);
  if (out.bundle.is_there) {
    look_at_bundle(paths, out);
  }
  out.in_system_store = certificates_in(read_text(paths.system_store));
  if (can_see_key) {
    out.key = look_at_file(paths.ca_directory + "/ca.key");
    const auto* account = ::getpwnam("antigravity-proxy");
    out.key_owner = account == nullptr ? 0 : account->pw_uid;
    const auto published = certificate_of(read_text(paths.bundle));
    const auto own = certificate_of(read_text(paths.ca_directory + "/ca.pem"));
    if (published != nullptr && own != nullptr) {
      out.is_bundle_ours = X509_cmp(published.get(), own.get()) == 0;
    }
  }
  return out;
}

}  // namespace agp::cli::doctor
