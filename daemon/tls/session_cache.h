#pragma once

#include "daemon/tls/openssl.h"

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace agp::tls {

using SessionPtr = std::unique_ptr<SSL_SESSION, Deleter<SSL_SESSION_free>>;

/// What resuming a connection to upstream takes.
struct UpstreamSession {
  SessionPtr handle;
  /// A resumed handshake verifies no certificate. The verification that this session stems from,
  /// however many resumptions ago, counts until here and no longer.
  std::chrono::system_clock::time_point verified_until;
};

/// Sessions by host and ALPN offers, least recently used out first. One per worker and per
/// verification store: not thread-safe, and to be cleared when trust or policy changes.
class SessionCache {
 public:
  static constexpr std::size_t kDefaultCapacity = 256;  // keys
  static constexpr std::size_t kPerKey = 4;
  /// A verification counts this long at most, whatever the certificates say.
  static constexpr std::chrono::minutes kVerifiedFor{60};

  explicit SessionCache(std::size_t capacity = kDefaultCapacity) : capacity_(capacity) {}

  [[nodiscard]] static std::string key(std::string_view host, const std::vector<std::string>& alpn);

  /// The newest usable session. One of TLS 1.3 is used once (RFC 8446 appendix C.4) and leaves
  /// the cache; one of TLS 1.2 stays.
  [[nodiscard]] std::optional<UpstreamSession> take(const std::string& key,
                                                    std::chrono::system_clock::time_point now);
  /// Nothing is kept of a session that cannot be resumed or whose time is over.
  void put(const std::string& key,
           UpstreamSession session,
           std::chrono::system_clock::time_point now);
  /// A handshake with one of these failed.
  void drop(const std::string& key);
  void clear();

  [[nodiscard]] std::size_t size() const { return by_use_.size(); }

 private:
  struct Item {
    std::string key;
    std::vector<UpstreamSession> sessions;  // oldest first
  };

  std::size_t capacity_;
  std::list<Item> by_use_;  // most recently used first
  std::unordered_map<std::string, std::list<Item>::iterator> by_key_;
};

}  // namespace agp::tls
