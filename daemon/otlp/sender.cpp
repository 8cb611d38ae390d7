#include "daemon/otlp/sender.h"

#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <openssl/ssl.h>

namespace agp::otlp {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kHeadLimit = std::size_t{16} * 1024;
constexpr std::size_t kAnswerLimit = std::size_t{64} * 1024;

std::string head_of(const http::request<http::empty_body>& request) {
  std::string head = "POST " + std::string(request.target()) + " HTTP/1.1\r\n";
  for (const auto& field : request) {
    head.append(field.name_string()).append(": ").append(field.value()).append("\r\n");
  }
  return head + "\r\n";
}

template <class Stream>
asio::awaitable<Result<Answer>> exchange(Stream* stream, std::string request, std::string where) {
  const auto octets = asio::buffer(request);
  auto [write_error, written] = co_await asio::async_write(*stream, octets, kTuple);
  (void)written;  // all of it, or there is an error
  if (write_error) {
    co_return Error{write_error, "send to " + where};
  }
  // Beast's parser without its stream operations: those are a megabyte of code over TLS.
  http::response_parser<http::string_body> parser;
  parser.header_limit(kHeadLimit);
  parser.body_limit(kAnswerLimit);
  parser.eager(true);
  std::string received;
  std::array<char, 4096> part{};
  while (!parser.is_done()) {
    const auto into = asio::buffer(part);
    auto [read_error, got] = co_await stream->async_read_some(into, kTuple);
    received.append(part.data(), got);
    boost::system::error_code ec;
    // Over TLS only after close_notify: a body without a length must not be cut short unnoticed.
    if (read_error == asio::error::eof && parser.got_some()) {
      parser.put_eof(ec);
    } else if (read_error) {
      ec = read_error;
    } else {
      received.erase(0, parser.put(asio::buffer(received), ec));
    }
    if (ec && ec != http::error::need_more) {
      co_return Error{ec, "answer of " + where};
    }
  }
  auto& response = parser.get();
  co_return Answer{response.result_int(), std::string(response[http::field::retry_after]),
                   std::move(response.body())};
}

}  // namespace

Sender::Sender(config::HttpUrl url, Fields fields, std::optional<asio::ssl::context> tls)
    : url_(std::move(url)), fields_(std::move(fields)), tls_(std::move(tls)) {}

Result<Sender> Sender::make(config::HttpUrl url, Fields fields, const std::string& extra_ca_file) {
  if (!url.is_tls) {
    return Sender(std::move(url), std::move(fields), std::nullopt);
  }
  asio::ssl::context tls(asio::ssl::context::tls_client);
  boost::system::error_code problem;
  tls.set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, problem);
  if (!problem) {
    tls.set_default_verify_paths(problem);
  }
  if (!problem && !extra_ca_file.empty()) {
    tls.load_verify_file(extra_ca_file, problem);
  }
  if (!problem) {
    tls.set_verify_mode(asio::ssl::verify_peer, problem);
  }
  if (!problem) {
    tls.set_verify_callback(asio::ssl::host_name_verification(url.host), problem);
  }
  if (problem) {
    return Error{problem, "TLS to the receiver of metrics"};
  }
  return Sender(std::move(url), std::move(fields), std::move(tls));
}

std::string Sender::where() const {
  return url_.origin();
}

asio::awaitable<Result<Answer>> Sender::post(std::string body,
                                             std::chrono::steady_clock::duration limit) {
  auto executor = co_await asio::this_coro::executor;
  const auto name = where();
  http::request<http::empty_body> request(http::verb::post, url_.target, 11);
  request.set(http::field::host, url_.authority());
  request.set(http::field::user_agent, "antigravity-proxy/" AGP_VERSION);
  request.set(http::field::content_type, "application/x-protobuf");
  request.set(http::field::connection, "close");
  for (const auto& [field, value] : fields_) {
    request.set(field, value.expose());
  }
  request.content_length(body.size());
  auto octets = head_of(request) + body;

  tcp::resolver resolver(executor);
  auto [resolve_error, found] =
      co_await resolver.async_resolve(url_.host, std::to_string(url_.port), kTuple);
  if (resolve_error) {
    co_return Error{resolve_error, "resolve " + url_.host};
  }
  beast::tcp_stream socket(executor);
  socket.expires_after(limit);
  auto [connect_error, peer] = co_await socket.async_connect(found, kTuple);
  if (connect_error) {
    co_return Error{connect_error, "connect to " + name};
  }
  if (!tls_) {
    if (!peer.address().is_loopback()) {
      co_return Error{make_error_code(boost::system::errc::permission_denied),
                      name + " is not this machine"};
    }
    auto exchanged = exchange(&socket, std::move(octets), name);
    co_return co_await std::move(exchanged);
  }
  asio::ssl::stream<beast::tcp_stream&> tls(socket, *tls_);
  (void)SSL_set_tlsext_host_name(tls.native_handle(), url_.host.c_str());
  auto [tls_error] = co_await tls.async_handshake(asio::ssl::stream_base::client, kTuple);
  if (tls_error) {
    co_return Error{tls_error, "TLS with " + name};
  }
  auto exchanged = exchange(&tls, std::move(octets), name);
  co_return co_await std::move(exchanged);  // it says close itself: no farewell is waited for
}

}  // namespace agp::otlp
