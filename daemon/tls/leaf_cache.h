#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "daemon/tls/ca.h"
#include "daemon/tls/openssl.h"

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
  std::shared_ptr<const Authority>
      authority_;  // its key signs, its certificate completes the chain
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

/// A server context that presents the leaf and its issuer: TLS 1.2 and later, no renegotiation, no
/// compression, session tickets allowed, SSL_MODE_RELEASE_BUFFERS. The ALPN callback is the
/// caller's to set (SSL_CTX_set_alpn_select_cb). The context holds references of its own: the leaf
/// may go.
[[nodiscard]] Result<SslCtxPtr> server_context(const Leaf& leaf);

}  // namespace agp::tls
