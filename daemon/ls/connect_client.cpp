#include "daemon/ls/connect_client.h"

#include "daemon/ls/connect_error.h"
#include "daemon/ls/connection.h"
#include "daemon/ls/errors.h"

#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

namespace agp::ls {
namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

using Duration = std::chrono::steady_clock::duration;

/// A lost answer to one of these may be asked for again.
bool is_repeatable(std::string_view method) {
  return method.starts_with("Get") || method == "Heartbeat";
}

}  // namespace

class ConnectClient::Impl {
 public:
  Impl(std::shared_ptr<const Endpoint> endpoint, Limits limits)
      : connection_(std::move(endpoint)), limits_(limits) {}

  asio::awaitable<Result<std::string>> call(std::string method,
                                            std::string body,
                                            Duration limit,
                                            WireCoding coding) {
    const bool reused = connection_.is_open() && is_repeatable(method);
    if (!reused) {
      auto opened = co_await connection_.open(limit);
      if (!opened) {
        co_return opened.error();
      }
    }
    auto answer = co_await exchange(method, body, limit, coding);
    if (answer || !reused || answer.error().code != Errc::unreachable) {
      co_return answer;
    }
    // The server closed a connection that was kept alive; that says nothing about the call.
    auto opened = co_await connection_.open(limit);
    if (!opened) {
      co_return opened.error();
    }
    co_return co_await exchange(method, body, limit, coding);
  }

 private:
  asio::awaitable<Result<std::string>> exchange(std::string method,
                                                std::string body,
                                                Duration limit,
                                                WireCoding coding) {
    const Deadline deadline(connection_.socket(), limit);
    const std::string_view content_type =
        coding == WireCoding::json ? "application/json" : "application/proto";
    const std::string request = connection_.request_head(method, content_type, body.size()) + body;
    const auto octets = asio::buffer(request);
    auto [write_error, written] = co_await asio::async_write(connection_.stream(), octets, kTuple);
    if (write_error) {
      connection_.close();
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
      auto [read_error, got] = co_await connection_.stream().async_read_some(into, kTuple);
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
        connection_.close();
        co_return transport_error(read_error, deadline, method);
      }
      const std::size_t used = parser.put(asio::buffer(received), ec);
      received.erase(0, used);
      if (ec && ec != http::error::need_more) {
        connection_.close();
        co_return transport_error(ec, deadline, method);
      }
    }
    auto response = parser.release();
    if (!response.keep_alive() || !received.empty() || deadline.is_expired()) {
      connection_.close();
    }
    if (response.result() != http::status::ok) {
      co_return http_error(response.result_int(), response.body(), method);
    }
    const auto content_coding = response[http::field::content_encoding];
    if (!content_coding.empty() && content_coding != "identity") {
      co_return Error{Errc::bad_answer, method + ": a compressed answer, which was not asked for"};
    }
    co_return std::move(response.body());
  }

  Connection connection_;
  Limits limits_;
};

ConnectClient::ConnectClient(std::shared_ptr<const Endpoint> endpoint)
    : ConnectClient(std::move(endpoint), Limits{}) {}
ConnectClient::ConnectClient(std::shared_ptr<const Endpoint> endpoint, Limits limits)
    : impl_(std::make_unique<Impl>(std::move(endpoint), limits)) {}
ConnectClient::ConnectClient(ConnectClient&&) noexcept = default;
ConnectClient& ConnectClient::operator=(ConnectClient&&) noexcept = default;
ConnectClient::~ConnectClient() = default;

asio::awaitable<Result<std::string>> ConnectClient::call(std::string method,
                                                         std::string body,
                                                         std::chrono::steady_clock::duration limit,
                                                         WireCoding coding) {
  return impl_->call(std::move(method), std::move(body), limit, coding);
}

}  // namespace agp::ls
