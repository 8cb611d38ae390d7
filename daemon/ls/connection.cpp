#include "daemon/ls/connection.h"

#include "daemon/ls/errors.h"

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace agp::ls {
namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kService = "/exa.language_server_pb.LanguageServerService/";

using Duration = std::chrono::steady_clock::duration;

struct FreeX509 {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeX509>;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

Certificate parse_certificate(const std::string& pem) {
  const std::unique_ptr<BIO, FreeBio> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return Certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
}

/// The token comes from another program's command line: no line end may get into a header.
std::string header_value(std::string text) {
  std::erase_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return text;
}

}  // namespace

Deadline::Deadline(asio::ip::tcp::socket* socket, Duration limit)
    : timer_(socket->get_executor()), expired_(std::make_shared<bool>(false)) {
  timer_.expires_after(limit);
  timer_.async_wait([socket, expired = expired_](boost::system::error_code ec) {
    if (!ec && !*expired) {
      *expired = true;
      boost::system::error_code ignored;  // closing is all that is wanted
      socket->close(ignored);
    }
  });
}

Error transport_error(const boost::system::error_code& ec,
                      const Deadline& deadline,
                      std::string context) {
  if (deadline.is_expired()) {
    return {Errc::deadline_exceeded, std::move(context)};
  }
  if (ec == asio::error::operation_aborted) {
    return {Errc::canceled, std::move(context)};
  }
  if (ec == http::error::body_limit || ec == http::error::header_limit) {
    return {Errc::too_large, std::move(context)};
  }
  return {Errc::unreachable, context + ": " + ec.message()};
}

Connection::Connection(std::shared_ptr<const Endpoint> endpoint)
    : endpoint_(std::move(endpoint)), context_(asio::ssl::context::tls_client) {
  // Chain and name are not what is checked here, see is_expected_peer().
  context_.set_verify_mode(asio::ssl::verify_none);
}

asio::awaitable<Result<>> Connection::open(Duration limit) {
  auto opened = co_await connect(limit);
  if (!opened) {
    close();
  }
  co_return opened;
}

asio::awaitable<Result<>> Connection::connect(Duration limit) {
  auto executor = co_await asio::this_coro::executor;
  stream_ = std::make_unique<Stream>(executor, context_);
  auto& socket = stream_->next_layer();
  const Deadline deadline(&socket, limit);
  const asio::ip::tcp::endpoint where(asio::ip::address_v4::loopback(), endpoint_->port);
  const std::string what = "language server on port " + std::to_string(endpoint_->port);
  auto [connect_error] = co_await socket.async_connect(where, kTuple);
  if (connect_error) {
    co_return transport_error(connect_error, deadline, what);
  }
  boost::system::error_code ignored;  // slower without, but not wrong
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  (void)SSL_set_tlsext_host_name(stream_->native_handle(), "localhost");
  auto [tls_error] = co_await stream_->async_handshake(asio::ssl::stream_base::client, kTuple);
  if (tls_error) {
    co_return transport_error(tls_error, deadline, what + ", TLS");
  }
  if (deadline.is_expired()) {  // in the moment of success: the socket is closed all the same
    co_return Error{Errc::deadline_exceeded, what + ", TLS"};
  }
  if (!is_expected_peer()) {
    co_return Error{Errc::certificate_mismatch, what + "; is another program listening there?"};
  }
  co_return Result<>();
}

/// The certificate is self-signed and shipped with the install: it is compared as a whole, so
/// that neither its age nor its names matter. When the install's copy cannot be read (the binary
/// lives in a place this process may not look into), anything is accepted: the peer is on this
/// machine's loopback and the port was chosen by us a moment ago, so what remains is a local
/// program that wins a race for one port out of a hundred. Refusing would mean not working at
/// all with such installs.
bool Connection::is_expected_peer() const {
  if (endpoint_->certificate_pem.empty()) {
    return true;
  }
  const Certificate expected = parse_certificate(endpoint_->certificate_pem);
  const Certificate actual(SSL_get1_peer_certificate(stream_->native_handle()));
  return expected && actual && X509_cmp(expected.get(), actual.get()) == 0;
}

std::string Connection::request_head(std::string_view method,
                                     std::string_view content_type,
                                     std::size_t body_size) const {
  std::string head = "POST " + std::string(kService);
  head.append(method).append(" HTTP/1.1\r\nHost: localhost:" + std::to_string(endpoint_->port));
  head.append("\r\nUser-Agent: antigravity-proxy/" AGP_VERSION "\r\nContent-Type: ");
  head.append(content_type).append("\r\nConnect-Protocol-Version: 1\r\nx-codeium-csrf-token: ");
  head.append(header_value(endpoint_->csrf_token.expose()));
  return head + "\r\nContent-Length: " + std::to_string(body_size) + "\r\n\r\n";
}

}  // namespace agp::ls
