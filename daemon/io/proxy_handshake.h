#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/secret.h"
#include "common/config/values.h"

#include <cstdint>
#include <optional>
#include <string>

namespace agp::io {

enum class ProxyErrc {
  authentication = 1,  // the proxy wants credentials, or does not accept ours
  refused,             // its rules forbid the destination
  unreachable,         // it could not reach the destination
  malformed,           // what it says is not its protocol
  too_long,            // its answer passes kProxyAnswerLimit
};
const boost::system::error_category& proxy_category();
inline boost::system::error_code make_error_code(ProxyErrc e) {
  return {static_cast<int>(e), proxy_category()};
}

/// Root-owned configuration; shared by all connections.
struct UpstreamProxy {
  config::ProxyUrl url;
  Secret<std::string> user;  // both empty: none
  Secret<std::string> password;
  bool by_name = true;  // ask for the host name where the client gave one (docs/adr/0011)
};

/// Where the proxy shall take us.
struct ProxyTarget {
  std::string host;  // name or numeric address, no brackets
  std::uint16_t port = 0;
};

inline constexpr std::size_t kProxyAnswerLimit = 8 * 1024;

/// Whether a name from a ClientHello may be given to a proxy: fully qualified, and not one of those
/// that mean the proxy's own machine or network. Everything else goes by its checked address.
[[nodiscard]] bool may_be_asked_by_name(const std::string& host);

struct ProxyCredentials {
  Secret<std::string> user;
  Secret<std::string> password;
};
/// What stands in `upstream.proxy_credentials_file`: one line "user:password".
/// @return invalid_argument without a colon, with an empty user, with control characters, or with a
///         part above the 255 octets that SOCKS5 allows.
[[nodiscard]] Result<ProxyCredentials> parse_proxy_credentials(std::string_view text);

/// The client's half of opening a connection through a proxy: HTTP CONNECT (RFC 9110 section 9.3.6,
/// RFC 7617) or SOCKS5 (RFC 1928, RFC 1929).
///
/// http:    ask ─> answer ─> open
/// socks5:  greeting ─┬───────────> request ─> open
///                    └─> password ─┘
class ProxyHandshake {
 public:
  /// @param proxy  outlives this object.
  ProxyHandshake(const UpstreamProxy* proxy, ProxyTarget target);

  /// Octets to send, owned by the caller.
  [[nodiscard]] Buffer take_output();

  /// Any split is equivalent; `in` is borrowed for the call.
  /// @return how many octets belonged to the handshake. Once is_open(), the rest comes from beyond
  ///         the proxy.
  [[nodiscard]] Result<std::size_t> feed(Bytes in);

  [[nodiscard]] bool is_open() const { return phase_ == Phase::open; }

 private:
  enum class Phase { http_answer, socks_method, socks_password, socks_reply, open };

  void send_http_request();
  void send_socks_greeting();
  void send_socks_password();
  void send_socks_request();
  Result<> on_http_head(std::string_view head);
  Result<> on_socks_message();
  Result<> on_socks_reply();
  [[nodiscard]] std::size_t wanted() const;

  const UpstreamProxy* proxy_;
  ProxyTarget target_;
  Phase phase_;
  Buffer received_;           // of the message in progress
  std::size_t answered_ = 0;  // octets of HTTP, interim answers among them
  Buffer output_;
};

}  // namespace agp::io

template <>
struct boost::system::is_error_code_enum<agp::io::ProxyErrc> : std::true_type {};
