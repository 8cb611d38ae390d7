#include "daemon/ls/connect_client.h"

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
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
constexpr std::size_t kErrorTextLimit = 500;

using Stream = asio::ssl::stream<asio::ip::tcp::socket>;
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

/// Closes the socket when the time is up; what waits on it then ends with an error. Closed, not
/// cancelled: a handshake or write that is cut short leaves a connection that is of no use.
class Deadline {
 public:
  Deadline(asio::ip::tcp::socket* socket, Duration limit)
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
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { *expired_ = true; }  // a handler already queued must not touch the socket

  [[nodiscard]] bool is_expired() const { return *expired_; }

 private:
  asio::steady_timer timer_;
  std::shared_ptr<bool> expired_;
};

/// The token comes from another program's command line: no line end may get into a header.
std::string header_value(std::string text) {
  std::erase_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return text;
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

/// A lost answer to one of these may be asked for again.
bool is_repeatable(std::string_view method) {
  return method.starts_with("Get") || method == "Heartbeat";
}

/// The status of an error whose body says nothing. Source: Connect protocol, HTTP to error code.
Errc code_of_status(unsigned status) {
  switch (status) {
    case 400:
      return Errc::internal;
    case 401:
      return Errc::unauthenticated;
    case 403:
      return Errc::permission_denied;
    case 404:
      return Errc::unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Errc::unavailable;
    default:
      return Errc::unknown;
  }
}

Error decode_error(unsigned status, const std::string& body, const std::string& method) {
  boost::system::error_code ec;
  const boost::json::value root = boost::json::parse(body, ec);
  const boost::json::object* object = ec ? nullptr : root.if_object();
  const std::string code = object == nullptr ? std::string() : text_at(*object, "code");
  if (code.empty()) {
    return {code_of_status(status), method + ": HTTP " + std::to_string(status)};
  }
  return {connect_code(code),
          method + ": " + text_at(*object, "message").substr(0, kErrorTextLimit)};
}

}  // namespace

class ConnectClient::Impl {
 public:
  Impl(std::shared_ptr<const Endpoint> endpoint, Limits limits)
      : endpoint_(std::move(endpoint)), limits_(limits), context_(asio::ssl::context::tls_client) {
    // Chain and name are not what is checked here, see is_expected_peer().
    context_.set_verify_mode(asio::ssl::verify_none);
  }

  asio::awaitable<Result<std::string>> call(std::string method, std::string body, Duration limit) {
    const bool reused = stream_ && is_repeatable(method);
    if (!reused) {
      auto opened = co_await open(limit);
      if (!opened) {
        stream_.reset();
        co_return opened.error();
      }
    }
    auto answer = co_await exchange(method, body, limit);
    if (answer || !reused || answer.error().code != Errc::unreachable) {
      co_return answer;
    }
    // The server closed a connection that was kept alive; that says nothing about the call.
    auto opened = co_await open(limit);
    if (!opened) {
      stream_.reset();
      co_return opened.error();
    }
    co_return co_await exchange(method, body, limit);
  }

 private:
  asio::awaitable<Result<>> open(Duration limit) {
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
  [[nodiscard]] bool is_expected_peer() const {
    if (endpoint_->certificate_pem.empty()) {
      return true;
    }
    const Certificate expected = parse_certificate(endpoint_->certificate_pem);
    const Certificate actual(SSL_get1_peer_certificate(stream_->native_handle()));
    return expected && actual && X509_cmp(expected.get(), actual.get()) == 0;
  }

  asio::awaitable<Result<std::string>> exchange(std::string method,
                                                std::string body,
                                                Duration limit) {
    const Deadline deadline(&stream_->next_layer(), limit);
    const std::string request = head(method, body.size()) + body;
    const auto octets = asio::buffer(request);
    auto [write_error, written] = co_await asio::async_write(*stream_, octets, kTuple);
    if (write_error) {
      stream_.reset();
      co_return transport_error(write_error, deadline, method);
    }
    // Beast's parser without its stream operations: those take minutes to compile over TLS.
    http::response_parser<http::string_body> parser;
    parser.body_limit(limits_.answer_bytes);
    parser.eager(true);
    std::string received;
    std::array<char, 16 * 1024> part{};
    while (!parser.is_done()) {
      const auto into = asio::buffer(part);
      auto [read_error, got] = co_await stream_->async_read_some(into, kTuple);
      received.append(part.data(), got);
      boost::system::error_code ec;
      // Only after close_notify: a body without a length must not be cut short unnoticed.
      if (read_error == asio::error::eof && parser.got_some()) {
        parser.put_eof(ec);  // ends a body without a length
        if (!ec && parser.is_done()) {
          break;
        }
      }
      if (read_error) {
        stream_.reset();
        co_return transport_error(read_error, deadline, method);
      }
      const std::size_t used = parser.put(asio::buffer(received), ec);
      received.erase(0, used);
      if (ec && ec != http::error::need_more) {
        stream_.reset();
        co_return transport_error(ec, deadline, method);
      }
    }
    auto response = parser.release();
    if (!response.keep_alive() || !received.empty()) {
      stream_.reset();
    }
    if (response.result() != http::status::ok) {
      co_return decode_error(response.result_int(), response.body(), method);
    }
    co_return std::move(response.body());
  }

  [[nodiscard]] std::string head(const std::string& method, std::size_t body_size) const {
    return "POST " + std::string(kService) + method +
           " HTTP/1.1\r\nHost: localhost:" + std::to_string(endpoint_->port) +
           "\r\nUser-Agent: antigravity-proxy/" AGP_VERSION
           "\r\nContent-Type: application/json\r\nConnect-Protocol-Version: 1"
           "\r\nx-codeium-csrf-token: " +
           header_value(endpoint_->csrf_token.expose()) +
           "\r\nContent-Length: " + std::to_string(body_size) + "\r\n\r\n";
  }

  std::shared_ptr<const Endpoint> endpoint_;
  Limits limits_;
  asio::ssl::context context_;
  std::unique_ptr<Stream> stream_;
};

ConnectClient::ConnectClient(std::shared_ptr<const Endpoint> endpoint)
    : ConnectClient(std::move(endpoint), Limits{}) {}
ConnectClient::ConnectClient(std::shared_ptr<const Endpoint> endpoint, Limits limits)
    : impl_(std::make_unique<Impl>(std::move(endpoint), limits)) {}
ConnectClient::ConnectClient(ConnectClient&&) noexcept = default;
ConnectClient& ConnectClient::operator=(ConnectClient&&) noexcept = default;
ConnectClient::~ConnectClient() = default;

asio::awaitable<Result<std::string>> ConnectClient::call(
    std::string method, std::string body, std::chrono::steady_clock::duration limit) {
  return impl_->call(std::move(method), std::move(body), limit);
}

}  // namespace agp::ls
