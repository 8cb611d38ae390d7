#pragma once

#include "common/base/result.h"
#include "daemon/ls/endpoint.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::ls {

/// Closes the socket when the time is up; what waits on it then ends with an error. Closed, not
/// cancelled: a handshake or write that is cut short leaves a connection that is of no use.
class Deadline {
 public:
  /// @param socket  lives as long as the deadline, unless nothing waits in between.
  Deadline(boost::asio::ip::tcp::socket* socket, std::chrono::steady_clock::duration limit);
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() { *expired_ = true; }  // a handler already queued must not touch the socket

  [[nodiscard]] bool is_expired() const { return *expired_; }

 private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<bool> expired_;
};

/// What a failed operation means: out of time, given up, too large, or unreachable.
[[nodiscard]] Error transport_error(const boost::system::error_code& ec,
                                    const Deadline& deadline,
                                    std::string context);

/// TLS to one language server on 127.0.0.1.
class Connection {
 public:
  using Stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

  explicit Connection(std::shared_ptr<const Endpoint> endpoint);

  /// A new connection; one that is open is dropped.
  [[nodiscard]] boost::asio::awaitable<Result<>> open(std::chrono::steady_clock::duration limit);
  void close() { stream_.reset(); }
  [[nodiscard]] bool is_open() const { return stream_ != nullptr; }

  /// While it is open.
  [[nodiscard]] Stream& stream() { return *stream_; }
  [[nodiscard]] boost::asio::ip::tcp::socket* socket() { return &stream_->next_layer(); }

  /// The head of a POST to LanguageServerService/<method>.
  [[nodiscard]] std::string request_head(std::string_view method,
                                         std::string_view content_type,
                                         std::size_t body_size) const;

 private:
  boost::asio::awaitable<Result<>> connect(std::chrono::steady_clock::duration limit);
  [[nodiscard]] bool is_expected_peer() const;

  std::shared_ptr<const Endpoint> endpoint_;
  boost::asio::ssl::context context_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace agp::ls
