#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "daemon/relay/observer.h"
#include "daemon/rewrite/relay.h"
#include "daemon/rewrite/rules.h"
#include "daemon/tls/client_hello.h"
#include "daemon/tls/engine.h"
#include "daemon/tls/scratch.h"
#include "daemon/tls/session_cache.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The connection state machine: what happens between accept and close, without a socket.
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
  /// Context with the leaf for `host`, with ALPN selection enabled.
  [[nodiscard]] virtual Result<std::shared_ptr<SSL_CTX>> leaf_context(const std::string& host,
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
  /// The client does not accept our certificate for `host`.
  virtual void on_client_refused(const std::string& /*host*/, usage::Micros /*now*/) {}
};

/// Dial the original destination and answer with on_upstream_open.
struct OpenUpstream {
  Disposition disposition;
  std::string host;  // empty when the client named none
};
/// Send what is queued for `to`, then FIN.
struct HalfClose {
  Side to;
};
/// Reset both sides at once: what one peer aborted must look aborted to the other.
struct Abort {};
/// Something for the journal, the counters and `status`.
struct Report {
  enum class Kind {
    blocked,               // policy
    no_common_protocol,    // upstream takes none of the protocols that the client offers
    upstream_unreachable,  // detail: why
    upstream_refused,      // its TLS or its certificate: detail says why; never retried unverified
    client_refused,        // the client does not accept our leaf
    client_failed,         // the client broke its handshake in another way
    leaf_failed,           // we could not mint
    stream_broken,         // a TLS error in the middle of a stream
    intercepted,           // both handshakes done
    tunnelled,
    unnamed,   // the client named no host that policy could look up: `why` and detail say more
    unparsed,  // relayed, but no reader understands it; once per connection
    // The rewriting relay. detail: method, path without query, and why.
    request_blocked,    // a rule forbids it; upstream did not see it
    request_refused,    // ambiguous, or past a limit; upstream did not see it
    request_rewritten,  // a request rule changed its body
    reply_refused,      // upstream's answer was ambiguous, or past a limit
  };
  Kind kind;
  std::string host;
  std::string detail;
  Hello::Why why = Hello::Why::named;
  std::string rule = {};  // of the rewriting relay: the rule, or the code of the fault
};
using Command = std::variant<OpenUpstream, HalfClose, Abort, Report>;

/// How a connection came in.
struct Entry {
  /// Where the client's packets were going, "192.0.2.1:443"; empty when unknown.
  std::string destination = {};
  /// Set for a client that speaks cleartext to us (reverse endpoint): the host it means, lower
  /// case. Upstream is TLS all the same, and gets that host as its authority.
  std::optional<std::string> cleartext_host = {};
  std::uint16_t cleartext_port = 443;
};

/// accept ─> hello ─┬─> opening ─> upstream_handshake ─> client_handshake ─> relaying ─> closed
///                  │      └────────────────────────────────────────────────> tunnelling ─┘
///                  └─> closed (blocked)
/// The upstream handshake finishes first, so that the client is told the ALPN that upstream chose
/// and nothing of the client's leaves before upstream has been verified.
enum class Phase {
  hello,
  opening,
  upstream_handshake,
  client_handshake,
  relaying,
  tunnelling,
  closed,
};

class Connection {
 public:
  /// @param facts       local_uid and instance; host and protocol are filled in here.
  /// @param surroundings, scratch  outlive the connection. `scratch` holds decrypted octets between
  ///                    on_bytes and observe; connections of one worker share it.
  Connection(ConnectionFacts facts,
             Surroundings* surroundings,
             tls::Scratch* scratch,
             Entry entry = {});

  /// Any split is equivalent; `in` is borrowed for the call. Call observe() before the next
  /// on_bytes of any connection that shares the scratch buffer.
  void on_bytes(Side from, Bytes in, usage::Micros now);

  /// Hands the octets of the last on_bytes to the reader. Apart from on_bytes so that they can be
  /// on their way before anything is read from them.
  void observe(usage::Micros now);

  /// FIN from `from`.
  void on_eof(Side from, usage::Micros now);
  /// Reset or other failure of the socket of `from`.
  void on_reset(Side from, usage::Micros now);
  /// Answer to OpenUpstream.
  void on_upstream_open(const Result<>& opened, usage::Micros now);
  /// To be called when the first octets for upstream are on their way: makes the client's
  /// certificate ready while upstream thinks. Nothing of it is sent before upstream is verified.
  void prepare_leaf(usage::Micros now);
  /// Says goodbye to both sides: GOAWAY where HTTP/2 ends here, close_notify where TLS does, then
  /// FIN. For connections on which nothing is under way.
  void end_idle(usage::Micros now);
  /// A deadline passed: both sides are reset.
  void on_timeout(usage::Micros now);

  [[nodiscard]] std::optional<Command> next_command();
  /// Octets to send to `to`; owned by the caller. Where is_rewriting: take more only when what was
  /// taken before has been sent, then from both sides, and observe() afterwards; what is not taken
  /// is what stops the reading of the other side.
  [[nodiscard]] Buffer take_output(Side to);
  /// Heads may change on this connection (decided once the hello has been read).
  [[nodiscard]] bool is_rewriting() const { return decision_.rewrite; }
  [[nodiscard]] std::optional<usage::Record> next_record();

  /// Relaying octets that no reader understands.
  [[nodiscard]] bool is_unparsed() const;
  [[nodiscard]] Phase phase() const { return phase_; }
  /// Closing now would lose nothing: no exchange is open. False where nobody reads along.
  [[nodiscard]] bool is_idle() const;
  /// False while no more of `from` should be read from its socket.
  [[nodiscard]] bool wants_read(Side from) const;
  [[nodiscard]] const std::string& host() const { return facts_.host; }

 private:
  struct Ends {
    bool is_done = false;          // FIN seen from this side
    bool is_close_passed = false;  // its close_notify has been repeated on the other side
    bool is_closing = false;       // the rewriting relay has said all that goes to this side
  };

  void on_hello_bytes(Bytes in, usage::Micros now);
  void on_cleartext_hello(Bytes in, usage::Micros now);
  void decide(const Hello& hello, usage::Micros now);
  void hold(Bytes in);
  void on_upstream_handshake(Bytes in, usage::Micros now);
  void on_client_handshake(Bytes in, usage::Micros now);
  void on_upstream_failure(const Error& error, usage::Micros now);
  void on_client_failure(const Error& error, usage::Micros now);
  void keep_session(usage::Micros now);
  void start_client_handshake(usage::Micros now);
  void start_relaying(usage::Micros now);
  void relay(Side from, Bytes in, usage::Micros now);
  void pass_on(Side from, usage::Micros now);
  [[nodiscard]] bool start_rewriting();
  void pull_rewritten(Side to);
  void end_rewritten(Side from);
  void report_rewriting();
  void pass_close_on(Side from);
  [[nodiscard]] bool send(Side to, Bytes plaintext, usage::Micros now);
  void refuse(Report::Kind kind, std::uint8_t alert, std::string detail);
  void break_off(const Error& error, usage::Micros now);
  void finish(End how, usage::Micros now, Side first = Side::client);
  void report(Report::Kind kind, std::string detail);
  void offer_only_http();
  [[nodiscard]] bool is_cleartext(Side side) const {
    return side == Side::client && entry_.cleartext_host.has_value();
  }
  [[nodiscard]] bool has_closed(Side side) const;
  std::optional<tls::Engine>& engine(Side side);
  [[nodiscard]] const std::optional<tls::Engine>& engine(Side side) const;
  Ends& ends(Side side) { return side == Side::client ? client_ends_ : upstream_ends_; }
  Buffer& output(Side side) { return side == Side::client ? to_client_ : to_upstream_; }
  void collect_output(Side side);

  ConnectionFacts facts_;
  Surroundings* surroundings_;
  tls::Scratch* scratch_;
  Entry entry_;
  Phase phase_ = Phase::hello;

  std::unique_ptr<tls::ClientHelloReader> hello_reader_;  // until the hello is whole
  Buffer hello_;                     // what the client said before upstream was there
  std::vector<std::string> offers_;  // the client's own ALPN list
  std::optional<tls::Engine> client_engine_;
  std::optional<tls::Engine> upstream_engine_;
  std::shared_ptr<SSL_CTX> leaf_;  // the engine borrows it
  Buffer early_;                   // decrypted from upstream before the client's handshake was done
  Buffer to_client_;
  Buffer to_upstream_;
  std::string session_key_;
  usage::Micros verified_until_{};  // what our upstream sessions' verification is worth
  Decision decision_;
  Ends client_ends_;
  Ends upstream_ends_;
  bool is_unparsed_reported_ = false;

  Rewriting rewriting_;
  Buffer rewritten_;         // what it sent upstream, until it is observed
  bool is_cut_off_ = false;  // upstream left in the middle of a reply
  usage::Micros latest_{};   // the `now` of the last call
  std::optional<Observer> observer_;
  std::optional<Side> unobserved_;  // the scratch holds octets of this side
  std::vector<Command> commands_;   // oldest first
};

}  // namespace agp::relay
