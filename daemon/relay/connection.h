#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "daemon/relay/observer.h"
#include "daemon/tls/client_hello.h"
#include "daemon/tls/engine.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// The connection state machine: what happens between accept and close, without a socket.
namespace agp::relay {

/// What policy says about a name.
enum class Disposition { inspect, tunnel, block };

/// What a connection asks of its surroundings. Calls are synchronous and cheap; the surroundings
/// outlive the connection.
class Surroundings {
 public:
  virtual ~Surroundings() = default;
  /// `host` is empty when the client named none, or spoke no TLS.
  [[nodiscard]] virtual Disposition decide(const std::optional<std::string>& host) = 0;
  /// Context for tls::Engine::client.
  [[nodiscard]] virtual SSL_CTX* upstream_context() = 0;
  /// Context with the leaf for `host`, with ALPN selection enabled.
  [[nodiscard]] virtual Result<std::shared_ptr<SSL_CTX>> leaf_context(const std::string& host,
                                                                      usage::Micros now) = 0;
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
    no_common_protocol,    // the client offers nothing that we relay (h2 alone)
    upstream_unreachable,  // detail: why
    upstream_refused,      // its TLS or its certificate: detail says why; never retried unverified
    client_refused,        // the client does not accept our leaf, or broke the handshake
    leaf_failed,           // we could not mint
    stream_broken,         // a TLS error in the middle of a stream
    intercepted,           // both handshakes done
    tunnelled,
  };
  Kind kind;
  std::string host;
  std::string detail;
};
using Command = std::variant<OpenUpstream, HalfClose, Abort, Report>;

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
  Connection(ConnectionFacts facts, Surroundings* surroundings, Buffer* scratch);

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
  /// Says goodbye to both sides: close_notify where TLS ends here, then FIN. For connections on
  /// which nothing is under way.
  void end_idle(usage::Micros now);
  /// A deadline passed: both sides are reset.
  void on_timeout(usage::Micros now);

  [[nodiscard]] std::optional<Command> next_command();
  /// Octets to send to `to`; owned by the caller.
  [[nodiscard]] Buffer take_output(Side to);
  [[nodiscard]] std::optional<usage::Record> next_record();

  /// Relaying, and between two exchanges: ending now loses nothing.
  [[nodiscard]] bool is_idle() const;
  /// Relaying octets that no reader understands.
  [[nodiscard]] bool is_unparsed() const;
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] const std::string& host() const { return facts_.host; }

 private:
  void on_hello_bytes(Bytes in);
  void decide(const std::optional<std::string>& host, const std::vector<std::string>& offers);
  void on_upstream_handshake(Bytes in, usage::Micros now);
  void on_client_handshake(Bytes in, usage::Micros now);
  void start_client_handshake(usage::Micros now);
  void start_relaying();
  void relay(Side from, Bytes in, usage::Micros now);
  void pass_on(Side from, usage::Micros now);
  void refuse(Report::Kind kind, std::uint8_t alert, std::string detail);
  void finish(End how, usage::Micros now);
  void report(Report::Kind kind, std::string detail);
  std::optional<tls::Engine>& engine(Side side);
  void collect_output(Side side);

  ConnectionFacts facts_;
  Surroundings* surroundings_;
  Buffer* scratch_;
  Phase phase_ = Phase::hello;

  std::unique_ptr<tls::ClientHelloReader> hello_reader_;  // until the hello is whole
  Buffer hello_;                     // what the client said before upstream was there
  std::vector<std::string> offers_;  // ALPN that we pass on
  std::optional<tls::Engine> client_engine_;
  std::optional<tls::Engine> upstream_engine_;
  std::shared_ptr<SSL_CTX> leaf_;  // the engine borrows it
  Buffer early_;                   // decrypted from upstream before the client's handshake was done
  Buffer to_client_;
  Buffer to_upstream_;
  bool is_tunnel_ = false;
  bool client_done_ = false;  // FIN seen from that side
  bool upstream_done_ = false;
  bool client_close_passed_on_ = false;  // its close_notify has been repeated on the other side
  bool upstream_close_passed_on_ = false;

  std::optional<Observer> observer_;
  std::optional<Side> unobserved_;  // scratch_ holds octets of this side
  std::vector<Command> commands_;   // oldest first
};

}  // namespace agp::relay
