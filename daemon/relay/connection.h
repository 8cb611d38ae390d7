#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "daemon/relay/command.h"
#include "daemon/relay/early_answer.h"
#include "daemon/relay/introduction.h"
#include "daemon/relay/observer.h"
#include "daemon/relay/rewriting_half.h"
#include "daemon/relay/surroundings.h"
#include "daemon/relay/upstream_leg.h"
#include "daemon/tls/engine.h"
#include "daemon/tls/scratch.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// The connection state machine: what happens between accept and close, without a socket.
namespace agp::relay {

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
  /// @param facts       both uids and instance; host and protocol are filled in here.
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
  /// To be called when the first octets for upstream are on their way: computes the answer to the
  /// client while upstream thinks. Nothing of it is sent before upstream is verified.
  void prepare_answer(usage::Micros now);
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
  /// Model calls that have begun and are no record yet.
  [[nodiscard]] std::size_t open_calls() const;

  /// Relaying octets that no reader understands.
  [[nodiscard]] bool is_unparsed() const;
  [[nodiscard]] Phase phase() const { return phase_; }
  /// Closing now would lose nothing: no exchange is open. False where nobody reads.
  [[nodiscard]] bool is_idle() const;
  /// Somebody asked something on it. Who has not yet is about to: no client expects the end then.
  [[nodiscard]] bool has_begun() const { return observer_ && observer_->has_begun(); }
  /// False while no more of `from` should be read from its socket.
  [[nodiscard]] bool wants_read(Side from) const;
  [[nodiscard]] const std::string& host() const { return facts_.host; }

 private:
  struct Ends {
    bool is_done = false;          // FIN seen from this side
    bool is_close_passed = false;  // its close_notify has been repeated on the other side
    bool is_observed = false;      // the observer knows that nothing follows
    bool is_closing = false;       // the rewriting relay has said all that goes to this side
  };

  void on_hello_bytes(Bytes in, usage::Micros now);
  void decide(const Hello& hello, usage::Micros now);
  void hold(Bytes in);
  void on_upstream_handshake(Bytes in, usage::Micros now);
  void on_client_handshake(Bytes in, usage::Micros now);
  void on_upstream_failure(const Error& error);
  void on_client_failure(const Error& error, usage::Micros now);
  void start_client_handshake(usage::Micros now);
  void start_cleartext(usage::Micros now);
  void relay_early(usage::Micros now);
  void start_relaying(usage::Micros now);
  void relay(Side from, Bytes in, usage::Micros now);
  void pass_on(Side from, usage::Micros now);
  [[nodiscard]] bool start_rewriting();
  void pull_rewritten(Side to);
  void end_rewritten(Side from);
  void report_rewriting();
  void report_client_refused(std::string what, usage::Micros now);
  void pass_close_on(Side from);
  void observe_closes(usage::Micros now);
  void observe_end(Side from, End how, usage::Micros now);
  [[nodiscard]] bool send(Side to, Bytes plaintext, usage::Micros now);
  void refuse(Report::Kind kind, std::uint8_t alert, std::string detail);
  void break_off(const Error& error, usage::Micros now);
  void finish(End how, usage::Micros now, Side first = Side::client);
  void report(Report::Kind kind, std::string detail);
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

  Introduction introduction_;
  EarlyAnswer early_answer_;
  std::optional<tls::Engine> client_engine_;
  UpstreamLeg upstream_;
  Buffer early_;  // decrypted from upstream before the client's handshake was done
  Buffer to_client_;
  Buffer to_upstream_;
  Decision decision_;
  Ends client_ends_;
  Ends upstream_ends_;
  bool is_unparsed_reported_ = false;

  RewritingHalf rewriting_;
  usage::Micros latest_{};  // the `now` of the last call
  std::optional<Observer> observer_;
  std::optional<Side> unobserved_;  // the scratch holds octets of this side
  std::vector<Command> commands_;   // oldest first
};

}  // namespace agp::relay
