#pragma once

#include "common/base/result.h"
#include "daemon/relay/observer.h"
#include "daemon/rewrite/relay.h"
#include "daemon/rewrite/rules.h"
#include "daemon/tls/leaf_cache.h"
#include "daemon/tls/session_cache.h"
#include "daemon/usage/record.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace agp::relay {

/// What the first octets of a client say about where it wants to go.
struct Hello {
  enum class Why {
    named,       // `host` is what it named
    no_sni,      // TLS without a server name
    ech,         // Encrypted ClientHello, real or GREASE: `host` may be the outer name
    ip_literal,  // an address in place of a name, which RFC 6066 forbids
    not_tls,
    malformed,  // TLS, but a hello that we cannot read: too large, or a name that is none
  };
  Why why = Why::named;
  std::optional<std::string> host;  // lower case, without trailing dot
};
[[nodiscard]] const char* to_string(Hello::Why why);

/// What happens to a connection.
enum class Disposition { inspect, tunnel, block };

struct Decision {
  Disposition disposition = Disposition::tunnel;
  /// Inspected, and heads may change on the way: Surroundings::rewriting is asked for the relay.
  bool rewrite = false;
  /// For the journal: which rule said so. May be empty.
  std::string reason = {};
};

/// The rewriting relay of one connection, with what it goes by.
struct Rewriting {
  std::unique_ptr<const rewrite::Rules> rules;  // borrowed by the relay
  std::unique_ptr<rewrite::Relay> relay;        // null: it cannot be had
};

/// What a connection asks of its surroundings. Calls are synchronous and cheap; the surroundings
/// outlive the connection.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  /// @param destination  where the client's packets were going, "192.0.2.1:443"; empty when
  /// unknown.
  [[nodiscard]] virtual Decision decide(const Hello& hello,
                                        std::string_view destination,
                                        usage::Micros now) = 0;
  /// Context for tls::Engine::client.
  [[nodiscard]] virtual SSL_CTX* upstream_context() = 0;
  /// What we show a client as `host`, with ALPN selection enabled.
  [[nodiscard]] virtual Result<tls::Identity> identity(const std::string& host,
                                                       usage::Micros now) = 0;
  /// The rewriting relay for a connection whose Decision asks for it.
  /// @param options   names the host; the rules for it are the surroundings' business.
  /// @return without a relay when it cannot be had: the connection is refused, never relayed
  ///         unchanged.
  [[nodiscard]] virtual Rewriting rewriting(rewrite::Protocol /*protocol*/,
                                            rewrite::Options /*options*/) {
    return {};
  }
  /// Sessions to resume connections to upstream with; null for full handshakes only. What it holds
  /// must have been verified against upstream_context().
  [[nodiscard]] virtual tls::SessionCache* upstream_sessions() { return nullptr; }
  /// Our own issuer: a chain that it signed is refused upstream, even where something trusts it.
  [[nodiscard]] virtual X509* own_issuer() { return nullptr; }
  /// What reads along.
  [[nodiscard]] virtual MakeReader reader_maker() { return &make_protocol_reader; }
  /// The client does not accept our certificate for `host`.
  virtual void on_client_refused(const std::string& /*host*/, usage::Micros /*now*/) {}
};

}  // namespace agp::relay
