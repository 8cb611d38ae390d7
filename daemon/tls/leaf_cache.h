#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "daemon/tls/ca.h"
#include "daemon/tls/openssl.h"

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace agp::tls {

/// A minted certificate for exactly one host name, immutable.
class Leaf {
 public:
  Leaf(std::string host,
       std::shared_ptr<const Authority> authority,
       CertificatePtr certificate,
       Time renew_at,
       Time not_after);

  [[nodiscard]] const std::string& host() const { return host_; }
  /// What a session must have begun with to be resumed: this name and this issuer. A digest,
  /// because a name may be longer than the field for it.
  [[nodiscard]] const std::array<unsigned char, 32>& session_scope() const { return scope_; }
  /// Borrowed.
  [[nodiscard]] X509* certificate() const { return certificate_.get(); }
  [[nodiscard]] EVP_PKEY* key() const { return authority_->leaf_key(); }
  [[nodiscard]] const Authority& authority() const { return *authority_; }
  /// Half of its life: the cache mints another one from here on.
  [[nodiscard]] Time renew_at() const { return renew_at_; }
  [[nodiscard]] Time not_after() const { return not_after_; }
  /// The leaf and then the issuer.
  [[nodiscard]] Result<std::string> chain_pem() const;
  [[nodiscard]] Result<std::vector<Buffer>> chain_der() const;

 private:
  std::string host_;
  // Its key signs, its certificate completes the chain.
  std::shared_ptr<const Authority> authority_;
  std::array<unsigned char, 32> scope_{};
  CertificatePtr certificate_;
  Time renew_at_;
  Time not_after_;
};

/// Leaves by host name, least recently used out first. One per worker: not thread-safe. The leaves
/// themselves may go anywhere.
class LeafCache {
 public:
  static constexpr std::size_t kDefaultCapacity = 1024;

  explicit LeafCache(std::shared_ptr<const Authority> authority,
                     std::size_t capacity = kDefaultCapacity);

  /// The leaf of `host`, minted when there is none, when half of its life is over, or when the
  /// clock was set back before its time.
  /// @param host  lower case, no trailing dot (ClientHello::server_name). Host names come from
  ///              strangers: a name that the authority does not cover gets no certificate.
  /// @return Errc::name_not_covered, Errc::crypto.
  [[nodiscard]] Result<std::shared_ptr<const Leaf>> get(std::string_view host, Time now);

  /// Forgets all leaves and continues with another issuer.
  void replace_authority(std::shared_ptr<const Authority> authority);

  [[nodiscard]] std::size_t size() const { return by_use_.size(); }

 private:
  struct Item {
    std::shared_ptr<const Leaf> leaf;
    Time minted_at;
  };

  std::shared_ptr<const Authority> authority_;
  std::size_t capacity_;
  std::list<Item> by_use_;  // most recently used first
  std::unordered_map<std::string, std::list<Item>::iterator> by_host_;
};

/// Mints without a cache. The leaf lives at most 24 h and not longer than its issuer.
[[nodiscard]] Result<std::shared_ptr<const Leaf>> mint_leaf(
    const std::shared_ptr<const Authority>& authority, std::string_view host, Time now);

/// What an answering end shows its client.
struct Identity {
  std::shared_ptr<SSL_CTX> context;
  /// Null when the context holds a certificate itself.
  std::shared_ptr<const Leaf> leaf = nullptr;
};

/// A server context for all leaves of an issuer, which goes with each of them: TLS 1.2 and later,
/// no renegotiation, no compression, SSL_MODE_RELEASE_BUFFERS. Session tickets are allowed, and
/// open in every context of the same issuer; a session is resumed under the name that it began with
/// (Leaf::session_scope, which Engine::server sets). The ALPN callback is the caller's to set.
/// One for many names, because making one costs as much as two handshakes.
[[nodiscard]] Result<SslCtxPtr> server_context(const Authority& authority);

}  // namespace agp::tls
