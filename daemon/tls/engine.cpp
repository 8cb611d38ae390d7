#include "daemon/tls/engine.h"

#include "daemon/tls/certificate.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace agp::tls {
namespace {

constexpr std::size_t kRecord = 16 * 1024;
// A record adds a header, a tag and in TLS 1.3 a content type; this is room for all of them.
constexpr std::size_t kRecordOverhead = 64;

class EngineCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "tls"; }
  std::string message(int value) const override {
    switch (static_cast<EngineErrc>(value)) {
      case EngineErrc::handshake_failed:
        return "TLS handshake failed";
      case EngineErrc::peer_alert:
        return "the peer refused with a TLS alert";
      case EngineErrc::certificate_refused:
        return "the certificate was refused";
      case EngineErrc::protocol_error:
        return "TLS protocol error";
      case EngineErrc::no_application_protocol:
        return "no common application protocol";
    }
    return "unknown TLS error";
  }
};

// What the BIO below reads from and writes to. Input is borrowed for one feed() call.
struct Wire {
  Bytes input;
  Buffer output;
  SpareBuffers* spare = nullptr;

  void make_room(std::size_t size) {
    if (output.capacity() == 0 && spare != nullptr) {
      output = spare->take();
    }
    // Growing by doubling: one flight of a handshake comes in many small writes.
    if (output.capacity() - output.size() < size) {
      output.reserve(std::max(output.size() + size, output.capacity() * 2));
    }
  }
};

Wire& wire_of(BIO* bio) {
  return *static_cast<Wire*>(BIO_get_data(bio));
}

int wire_read(BIO* bio, char* into, std::size_t size, std::size_t* got) {
  Wire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  if (wire.input.empty()) {
    BIO_set_retry_read(bio);
    *got = 0;
    return 0;
  }
  *got = std::min(size, wire.input.size());
  std::memcpy(into, wire.input.data(), *got);
  wire.input = wire.input.subspan(*got);
  return 1;
}

int wire_write(BIO* bio, const char* from, std::size_t size, std::size_t* written) {
  BIO_clear_retry_flags(bio);
  wire_of(bio).make_room(size);
  append(wire_of(bio).output, as_bytes({from, size}));
  *written = size;
  return 1;
}

long wire_ctrl(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// OpenSSL's memory BIO copies once more in each direction and never shrinks; this one hands the
// received octets straight to the record layer.
BIO_METHOD* wire_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "agp wire");
    BIO_meth_set_read_ex(made, wire_read);
    BIO_meth_set_write_ex(made, wire_write);
    BIO_meth_set_ctrl(made, wire_ctrl);
    return made;
  }();
  return method;
}

std::string drain_error_queue() {
  std::string text;
  while (const auto code = ERR_get_error()) {
    char line[256];
    ERR_error_string_n(code, line, sizeof line);
    // "error:0A000086:SSL routines::certificate verify failed": the last part is for people.
    const char* reason = ERR_reason_error_string(code);
    if (text.empty()) {
      text = reason != nullptr ? reason : line;
    }
  }
  return text;
}

// What a person can do about it.
std::string advice_for(long problem) {
  switch (problem) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "; check this machine's clock, otherwise its owner must renew it";
    case X509_V_ERR_HOSTNAME_MISMATCH:
      return "; it is made out to other names, so this is another server than the client asked for";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "; if a company's own CA signs it, name that CA in upstream.extra_ca_file";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "; its server does not send an intermediate certificate, or a company's own CA signs "
             "it and belongs in upstream.extra_ca_file";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return "; its owner must replace it with a stronger one";
    case X509_V_ERR_PERMITTED_VIOLATION:
    case X509_V_ERR_EXCLUDED_VIOLATION:
      return "; its CA may not sign for this name";
    default:
      return "; it cannot be trusted as it is";
  }
}

// What OpenSSL's callbacks work on; they find it through the app data.
struct Own {
  std::string selected;      // the ALPN that an answering end may choose; empty for none
  bool is_mismatch = false;  // the client does not offer it
  SessionPtr session;        // the newest one that the peer offered
};

int select_alpn(SSL* ssl,
                const unsigned char** out,
                unsigned char* out_size,
                const unsigned char* offers,
                unsigned offers_size,
                void* /*unused*/) {
  auto* choice = static_cast<Own*>(SSL_get_app_data(ssl));
  if (choice == nullptr || choice->selected.empty()) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  for (unsigned at = 0; at < offers_size;) {
    const unsigned size = offers[at];
    if (size > offers_size - at - 1) {
      break;
    }
    if (as_text({offers + at + 1, size}) == choice->selected) {
      *out = offers + at + 1;
      *out_size = static_cast<unsigned char>(size);
      return SSL_TLSEXT_ERR_OK;
    }
    at += 1 + size;
  }
  choice->is_mismatch = true;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int collect_session(SSL* ssl, SSL_SESSION* session) {
  auto* own = static_cast<Own*>(SSL_get_app_data(ssl));
  if (own == nullptr) {
    return 0;
  }
  own->session.reset(session);
  return 1;  // the reference is ours
}

Error make_error(EngineErrc code, std::string context) {
  return {make_error_code(code), std::move(context)};
}

}  // namespace

const boost::system::error_category& engine_category() {
  static const EngineCategory instance;
  return instance;
}

struct Engine::State {
  struct SslDeleter {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  State(State&&) = delete;
  State& operator=(State&&) = delete;
  ~State() {
    // SSL_free takes a session out of use when nothing was said about closing. How the sockets
    // end says nothing about the keys: only a broken stream is a reason.
    if (ssl && !is_dead && SSL_is_init_finished(ssl.get()) == 1) {
      SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
  }

  Wire wire;
  Own own;
  bool is_server = false;
  bool is_dead = false;
  std::optional<std::uint8_t> peer_alert;
  std::unique_ptr<SSL, SslDeleter> ssl;
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Result<Engine> Engine::client(SSL_CTX* context,
                              const std::string& host,
                              const std::vector<std::string>& alpn,
                              SSL_SESSION* resume) {
  auto state = std::make_unique<State>();
  state->ssl.reset(SSL_new(context));
  BIO* bio = BIO_new(wire_method());
  if (!state->ssl || bio == nullptr) {
    BIO_free(bio);
    return make_error(EngineErrc::handshake_failed, "no memory for a TLS endpoint");
  }
  BIO_set_data(bio, &state->wire);
  BIO_set_init(bio, 1);
  SSL_set_bio(state->ssl.get(), bio, bio);
  SSL_set_connect_state(state->ssl.get());
  SSL_set_app_data(state->ssl.get(), &state->own);
  SSL_set_hostflags(state->ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (SSL_set_tlsext_host_name(state->ssl.get(), host.c_str()) != 1 ||
      SSL_set1_host(state->ssl.get(), host.c_str()) != 1) {
    return make_error(EngineErrc::handshake_failed, "unusable host name");
  }
  std::string offers;
  for (const auto& protocol : alpn) {
    assert(!protocol.empty() && protocol.size() <= 255);
    offers.push_back(static_cast<char>(protocol.size()));
    offers += protocol;
  }
  // Unlike its siblings this call returns 0 for success.
  if (!offers.empty() &&
      SSL_set_alpn_protos(state->ssl.get(), reinterpret_cast<const unsigned char*>(offers.data()),
                          static_cast<unsigned>(offers.size())) != 0) {
    return make_error(EngineErrc::handshake_failed, "unusable ALPN list");
  }
  if (resume != nullptr) {
    (void)SSL_set_session(state->ssl.get(), resume);  // when it does not fit, the handshake is full
  }
  return Engine(std::move(state));
}

Result<Engine> Engine::server(const Identity& identity, std::string alpn) {
  return answer(identity.context.get(), identity.leaf.get(), std::move(alpn));
}

Result<Engine> Engine::server(SSL_CTX* context, std::string alpn) {
  return answer(context, nullptr, std::move(alpn));
}

Result<Engine> Engine::answer(SSL_CTX* context, const Leaf* leaf, std::string alpn) {
  auto state = std::make_unique<State>();
  state->is_server = true;
  state->own.selected = std::move(alpn);
  state->ssl.reset(SSL_new(context));
  BIO* bio = BIO_new(wire_method());
  if (!state->ssl || bio == nullptr) {
    BIO_free(bio);
    return make_error(EngineErrc::handshake_failed, "no memory for a TLS endpoint");
  }
  if (leaf != nullptr) {
    const auto& scope = leaf->session_scope();
    if (SSL_use_certificate(state->ssl.get(), leaf->certificate()) != 1 ||
        SSL_use_PrivateKey(state->ssl.get(), leaf->key()) != 1 ||
        SSL_set_session_id_context(state->ssl.get(), scope.data(),
                                   static_cast<unsigned>(scope.size())) != 1) {
      BIO_free(bio);
      return make_error(EngineErrc::handshake_failed, "unusable leaf: " + drain_error_queue());
    }
  }
  BIO_set_data(bio, &state->wire);
  BIO_set_init(bio, 1);
  SSL_set_bio(state->ssl.get(), bio, bio);
  SSL_set_accept_state(state->ssl.get());
  SSL_set_app_data(state->ssl.get(), &state->own);
  return Engine(std::move(state));
}

Result<> Engine::fail(int ssl_result, EngineErrc otherwise) {
  SSL* ssl = state_->ssl.get();
  const int why = SSL_get_error(ssl, ssl_result);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
    return {};
  }
  if (why == SSL_ERROR_ZERO_RETURN) {
    return {};
  }
  state_->is_dead = true;
  const auto first = ERR_peek_error();
  const int reason = ERR_GET_REASON(first);
  // Reasons above this offset are alerts that the peer sent (SSL_AD_REASON_OFFSET).
  const bool is_alert = ERR_GET_LIB(first) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET &&
                        reason < SSL_AD_REASON_OFFSET + 256;
  std::string text = drain_error_queue();
  if (is_alert) {
    state_->peer_alert = static_cast<std::uint8_t>(reason - SSL_AD_REASON_OFFSET);
  }
  if (!state_->is_server && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    const long problem = SSL_get_verify_result(ssl);
    return make_error(EngineErrc::certificate_refused,
                      X509_verify_cert_error_string(problem) + advice_for(problem));
  }
  if (state_->own.is_mismatch || state_->peer_alert == SSL_AD_NO_APPLICATION_PROTOCOL) {
    return make_error(EngineErrc::no_application_protocol, std::move(text));
  }
  const bool is_too_old =
      reason == SSL_R_UNSUPPORTED_PROTOCOL || state_->peer_alert == SSL_AD_PROTOCOL_VERSION;
  if (is_too_old && !state_->is_server) {
    text += "; it does not speak TLS 1.2 or newer, which it must learn";
  }
  if (is_alert) {
    return make_error(EngineErrc::peer_alert, std::move(text));
  }
  return make_error(otherwise, std::move(text));
}

Result<> Engine::handshake() {
  assert(!state_->is_dead);
  ERR_clear_error();
  const int done = SSL_do_handshake(state_->ssl.get());
  if (done == 1) {
    return {};
  }
  return fail(done, EngineErrc::handshake_failed);
}

Result<> Engine::feed(Bytes ciphertext, Buffer& plaintext) {
  Plaintext read;
  auto fed = feed(ciphertext, read);
  append(plaintext, read.bytes());
  return fed;
}

Result<> Engine::feed(Bytes ciphertext, Plaintext& plaintext) {
  assert(!state_->is_dead);
  SSL* ssl = state_->ssl.get();
  state_->wire.input = ciphertext;
  if (!is_ready()) {
    if (auto step = handshake(); !step || !is_ready()) {
      state_->wire.input = {};
      return step;
    }
  }
  ERR_clear_error();
  for (;;) {
    std::size_t got = 0;
    const int done = SSL_read_ex(ssl, plaintext.room(kRecord), kRecord, &got);
    if (done == 1) {
      plaintext.added(got);
      continue;
    }
    auto result = fail(done, EngineErrc::protocol_error);
    state_->wire.input = {};
    return result;
  }
}

Result<> Engine::write(Bytes plaintext) {
  if (plaintext.empty()) {
    return {};
  }
  assert(is_ready() && !state_->is_dead);
  ERR_clear_error();
  state_->wire.make_room(plaintext.size() + (plaintext.size() / kRecord + 1) * kRecordOverhead);
  std::size_t written = 0;
  const int done = SSL_write_ex(state_->ssl.get(), plaintext.data(), plaintext.size(), &written);
  if (done != 1) {
    return fail(done, EngineErrc::protocol_error);
  }
  assert(written == plaintext.size());  // the BIO never refuses
  return {};
}

void Engine::close() {
  if (!state_->is_dead && is_ready()) {
    (void)SSL_shutdown(state_->ssl.get());  // queues close_notify; its answer comes through feed()
    ERR_clear_error();
  }
}

bool Engine::is_ready() const {
  return SSL_is_init_finished(state_->ssl.get()) == 1;
}

bool Engine::has_peer_closed() const {
  return (SSL_get_shutdown(state_->ssl.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

std::string Engine::alpn() const {
  const unsigned char* data = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(state_->ssl.get(), &data, &size);
  return {reinterpret_cast<const char*>(data), size};
}

std::optional<std::uint8_t> Engine::peer_alert() const {
  return state_->peer_alert;
}

bool Engine::has_refused_certificate() const {
  switch (state_->peer_alert.value_or(0)) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
      return true;
    default:
      return false;
  }
}

bool Engine::was_resumed() const {
  return SSL_session_reused(state_->ssl.get()) == 1;
}

bool Engine::has_early_data() const {
  return SSL_get_early_data_status(state_->ssl.get()) != SSL_EARLY_DATA_NOT_SENT;
}

SessionPtr Engine::take_session() {
  return std::move(state_->own.session);
}

std::optional<std::chrono::system_clock::time_point> Engine::verified_until() const {
  const STACK_OF(X509)* chain = SSL_get0_verified_chain(state_->ssl.get());
  std::optional<std::chrono::system_clock::time_point> first;
  if (chain == nullptr || was_resumed()) {
    return first;
  }
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const auto until = to_time(X509_get0_notAfter(sk_X509_value(chain, i)));
    if (until && (!first || *until < *first)) {
      first = until;
    }
  }
  return first;
}

bool Engine::is_signed_by(X509* issuer) const {
  const STACK_OF(X509)* chain = SSL_get0_verified_chain(state_->ssl.get());
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    if (EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(chain, i)), X509_get0_pubkey(issuer)) == 1) {
      return true;
    }
  }
  return false;
}

void Engine::use_spare_buffers(SpareBuffers* spare) {
  state_->wire.spare = spare;
}

std::string_view Engine::version() const {
  return SSL_get_version(state_->ssl.get());
}

Buffer Engine::take_output() {
  return std::exchange(state_->wire.output, {});
}

void enable_session_collection(SSL_CTX* context) {
  // Without the internal store: it knows sessions by id alone, not by name and offers.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, collect_session);
}

Result<SslContext> upstream_context(const std::string& extra_ca_file) {
  SslContext context(SSL_CTX_new(TLS_client_method()));
  if (!context) {
    return make_error(EngineErrc::handshake_failed, "no memory for a TLS context");
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context.get(), 1);
  // Level 2 whatever the distribution says: RSA and DH of 2048 bits, no SHA-1 signatures.
  SSL_CTX_set_security_level(context.get(), 2);
  enable_session_collection(context.get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_set_default_verify_paths(context.get()) != 1) {
    return make_error(EngineErrc::certificate_refused, "cannot load the system's CA certificates");
  }
  if (!extra_ca_file.empty() &&
      SSL_CTX_load_verify_file(context.get(), extra_ca_file.c_str()) != 1) {
    return make_error(EngineErrc::certificate_refused,
                      "upstream.extra_ca_file " + extra_ca_file + " cannot be loaded (" +
                          drain_error_queue() + "); give a readable PEM file of CA certificates");
  }
  return context;
}

void enable_alpn_selection(SSL_CTX* context) {
  SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
}

}  // namespace agp::tls
