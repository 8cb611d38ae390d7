#include "cli/doctor/tls_handshake.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace agp::cli::doctor {
namespace {

using Stage = Reach::Stage;

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Context = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Freer<SSL_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using File = std::unique_ptr<FILE, Freer<std::fclose>>;

Certificate first_of(const std::string& path) {
  const File file(std::fopen(path.c_str(), "re"));
  return Certificate(file ? PEM_read_X509(file.get(), nullptr, nullptr, nullptr) : nullptr);
}

std::string issuer_of(const X509* certificate) {
  std::array<char, 256> text{};
  const auto* name = X509_get_issuer_name(certificate);
  if (X509_NAME_get_text_by_NID(name, NID_commonName, text.data(), text.size()) > 0 ||
      X509_NAME_get_text_by_NID(name, NID_organizationName, text.data(), text.size()) > 0) {
    return text.data();
  }
  return "an issuer without a name";
}

std::string handshake_problem(const SSL* session, int result, int system_error) {
  const int kind = SSL_get_error(session, result);
  if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE || system_error == EAGAIN) {
    return "no answer within 4 seconds";
  }
  if (const auto code = ERR_peek_error(); code != 0) {
    if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
      return "the connection was closed";
    }
    const char* reason = ERR_reason_error_string(code);
    return reason == nullptr ? "TLS failed" : reason;
  }
  return system_error == 0 ? "the connection was closed" : std::strerror(system_error);
}

}  // namespace

void shake_hands(int socket,
                 const std::string& host,
                 const std::vector<std::string>& trusted_files,
                 Reach& out) {
  out.stage = Stage::handshake;
  const Context context(SSL_CTX_new(TLS_client_method()));
  for (const auto& file : trusted_files) {
    if (SSL_CTX_load_verify_file(context.get(), file.c_str()) != 1) {
      out.problem = file + " cannot be read as certificates";
      return;
    }
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);  // judged below
  const Session session(SSL_new(context.get()));
  if (session == nullptr || SSL_set_fd(session.get(), socket) != 1 ||
      SSL_set_tlsext_host_name(session.get(), host.c_str()) != 1 ||
      SSL_set1_host(session.get(), host.c_str()) != 1) {
    out.problem = "TLS cannot be set up";
    return;
  }
  (void)std::signal(SIGPIPE, SIG_IGN);  // of this child; a closed connection is an error of write()
  ERR_clear_error();
  errno = 0;
  const int result = SSL_connect(session.get());
  if (result != 1) {
    out.problem = handshake_problem(session.get(), result, errno);
    return;
  }
  out.stage = Stage::verify;
  const X509* leaf = SSL_get0_peer_certificate(session.get());
  if (leaf == nullptr) {
    out.problem = "no certificate was shown";
    return;
  }
  out.issuer = issuer_of(leaf);
  const auto authority = first_of(trusted_files.front());
  out.is_ours = authority != nullptr &&
                X509_check_issued(authority.get(), const_cast<X509*>(leaf)) == X509_V_OK;
  if (const long verdict = SSL_get_verify_result(session.get()); verdict != X509_V_OK) {
    out.problem = X509_verify_cert_error_string(verdict);
  } else {
    out.stage = Stage::done;
  }
  (void)SSL_shutdown(session.get());  // close_notify; what the other side makes of it is its own
}

}  // namespace agp::cli::doctor
