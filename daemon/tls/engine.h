#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "daemon/tls/leaf_cache.h"
#include "daemon/tls/scratch.h"
#include "daemon/tls/session_cache.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

namespace agp::tls {

enum class EngineErrc {
  handshake_failed = 1,    // the peer and we found no common ground, or it broke the protocol
  peer_alert,              // the peer sent a fatal alert (a client that rejects our leaf does)
  certificate_refused,     // the peer's certificate did not verify; context says why
  protocol_error,          // after the handshake: bad record, bad MAC, unexpected message
  no_application_protocol  // the offers have nothing in common; either end may be the one to say so
};
const boost::system::error_category& engine_category();
inline boost::system::error_code make_error_code(EngineErrc e) {
  return {static_cast<int>(e), engine_category()};
}

/// One TLS endpoint without a socket: ciphertext in, plaintext out, and the reverse. Any split of
/// the ciphertext is equivalent. Not thread-safe.
class Engine {
 public:
  /// The end that dials. Verifies the chain against the context's store and the name against
  /// `host` (RFC 9525, no partial wildcards). `alpn` may be empty: then no ALPN is offered.
  /// @param resume  a session of an earlier connection to the same host with the same offers and
  ///                the same store, or null. Nothing is ever sent as early data.
  static Result<Engine> client(SSL_CTX* context,
                               const std::string& host,
                               const std::vector<std::string>& alpn,
                               SSL_SESSION* resume = nullptr);

  /// The end that answers. Keeps what it needs of `identity`, except the context. `alpn` is the one
  /// protocol to select; empty answers without ALPN. A client that does not offer it gets the alert
  /// no_application_protocol (RFC 7301 section 3.2).
  static Result<Engine> server(const Identity& identity, std::string alpn);
  /// The same with the certificate that is in `context`.
  static Result<Engine> server(SSL_CTX* context, std::string alpn);

  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) noexcept;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// Takes ciphertext from the peer; decrypted octets are appended to `plaintext`. After an error
  /// only take_output (which may hold an alert for the peer) is of use.
  [[nodiscard]] Result<> feed(Bytes ciphertext, Plaintext& plaintext);
  [[nodiscard]] Result<> feed(Bytes ciphertext, Buffer& plaintext);

  /// Starts (client) or goes on with the handshake without new input.
  [[nodiscard]] Result<> handshake();

  /// Encrypts all of `plaintext` into the output. Only after is_ready().
  [[nodiscard]] Result<> write(Bytes plaintext);

  /// Queues close_notify. Reading goes on.
  void close();

  [[nodiscard]] bool is_ready() const;             // handshake done
  [[nodiscard]] bool has_peer_closed() const;      // close_notify seen
  [[nodiscard]] std::string alpn() const;          // negotiated; empty when none
  [[nodiscard]] std::string_view version() const;  // "TLSv1.3"

  /// The fatal alert that the peer sent (RFC 8446 section 6.2), once a call has failed with it.
  [[nodiscard]] std::optional<std::uint8_t> peer_alert() const;
  /// The peer's alert was about our certificate.
  [[nodiscard]] bool has_refused_certificate() const;

  [[nodiscard]] bool was_resumed() const;
  /// The peer sent early data, accepted or not. Answering end; an engine never sends any.
  [[nodiscard]] bool has_early_data() const;
  /// A session that the peer has offered since the last call, for Engine::client. Dialling end with
  /// enable_session_collection() only; TLS 1.3 offers them after the handshake.
  [[nodiscard]] SessionPtr take_session();
  /// The first notAfter in the chain that was verified; empty when the handshake was resumed and
  /// no chain was.
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> verified_until() const;

  /// The verified chain holds the key of `issuer`. False for a resumed handshake.
  [[nodiscard]] bool is_signed_by(X509* issuer) const;

  /// Output buffers come from here from now on; outlives the engine.
  void use_spare_buffers(SpareBuffers* spare);

  /// Ciphertext for the peer; owned by the caller.
  [[nodiscard]] Buffer take_output();

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  static Result<Engine> answer(SSL_CTX* context, const Leaf* leaf, std::string alpn);
  Result<> fail(int ssl_result, EngineErrc otherwise);

  std::unique_ptr<State> state_;
};

/// A context for Engine::client: system store, plus `extra_ca_file` when not empty; TLS 1.2 or
/// newer, peer verified, no renegotiation.
/// @return an error that names the file when the extra file cannot be loaded.
struct SslContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextDeleter>;
[[nodiscard]] Result<SslContext> upstream_context(const std::string& extra_ca_file);

/// Lets engines that dial with `context` collect sessions. upstream_context() has done so.
void enable_session_collection(SSL_CTX* context);

/// Lets `context` (made for the answering end) take part in Engine::server's ALPN selection.
void enable_alpn_selection(SSL_CTX* context);

}  // namespace agp::tls

template <>
struct boost::system::is_error_code_enum<agp::tls::EngineErrc> : std::true_type {};
