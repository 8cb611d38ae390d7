#pragma once

#include "common/base/result.h"
#include "common/config/values.h"
#include "daemon/tls/openssl.h"

#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agp::tls {

using Time = std::chrono::system_clock::time_point;

/// The issuer of this machine: a P-256 key that never leaves the state directory and a certificate
/// that can sign for the inspected hosts only. Immutable; shared by all workers (signing with a
/// shared EVP_PKEY is safe).
class Authority {
 public:
  struct Opened {
    std::shared_ptr<const Authority> authority;
    /// Why a new key and certificate were made, for the log; empty when the old ones are in use.
    std::string renewed_because;
  };

  /// Uses what is in `state_dir`/ca (`ca.key`, `ca.pem`), or makes it anew when it is missing,
  /// damaged, readable by others, for other hosts, expired, or past two thirds of its life. One
  /// that was to follow takes its place first. A bad
  /// issuer is therefore never a reason not to start. Creates the directories with mode 0700.
  /// Blocks on the disk.
  /// @return an error only when the directory cannot be written or OpenSSL fails.
  [[nodiscard]] static Result<Opened> open_or_create(const std::string& state_dir,
                                                     std::span<const config::HostPattern> inspected,
                                                     Time now);

  /// Makes the authority that is to follow the one in use, beside it, and stores it.
  [[nodiscard]] static Result<std::shared_ptr<const Authority>> create_next(
      const std::string& state_dir, std::span<const config::HostPattern> inspected, Time now);
  /// The next one is the one in use from now on; the key of the one before is gone. What a crash
  /// interrupts here open_or_create() finishes.
  [[nodiscard]] static Result<> adopt_next(const std::string& state_dir);
  /// There shall be no next one.
  static void discard_next(const std::string& state_dir);

  /// Lower-case host without trailing dot is on the list of inspected names.
  [[nodiscard]] bool covers(std::string_view host) const;

  /// The certificate: what clients must trust. No key in it.
  [[nodiscard]] const std::string& pem() const { return pem_; }
  /// "O=antigravity-proxy, CN=..."
  [[nodiscard]] std::string subject() const;
  /// The domains that it can sign for, with everything below them.
  [[nodiscard]] const std::vector<std::string>& permitted() const { return permitted_; }
  [[nodiscard]] Time not_before() const { return not_before_; }
  [[nodiscard]] Time not_after() const { return not_after_; }
  /// From here on open_or_create() makes a new one.
  [[nodiscard]] Time renew_at() const { return renew_at_; }
  /// SHA-256 of the certificate, lower-case hex.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }

  /// Borrowed.
  [[nodiscard]] X509* certificate() const { return certificate_.get(); }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }
  /// The key of every leaf of this process. Borrowed.
  [[nodiscard]] EVP_PKEY* leaf_key() const { return leaf_key_.get(); }
  /// What the session tickets of this process are sealed with.
  [[nodiscard]] const std::array<unsigned char, 32>& ticket_secret() const {
    return ticket_secret_;
  }

 private:
  friend class AuthorityStore;
  Authority() = default;

  KeyPtr key_;
  KeyPtr leaf_key_;
  std::array<unsigned char, 32> ticket_secret_{};
  CertificatePtr certificate_;
  std::string pem_;
  std::string fingerprint_;
  std::vector<std::string> permitted_;
  Time not_before_;
  Time not_after_;
  Time renew_at_;
  std::vector<config::HostPattern> inspected_;
};

}  // namespace agp::tls
