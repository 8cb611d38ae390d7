#pragma once

#include "daemon/api/codec.h"
#include "daemon/api/guard.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::api {

/// How the client gets an answer that is sent while it is made.
struct AnswerManner {
  bool chunked = true;  // false: until the connection closes, for HTTP/1.0
  bool keep_alive = false;
  bool head_only = false;  // HEAD
};

/// One accepted connection of the HTTP server. Belongs to the coroutine that serves it.
struct HttpConnection {
  using Socket = boost::asio::generic::stream_protocol::socket;

  HttpConnection(Socket s,
                 boost::asio::io_context* io,
                 std::size_t head_bytes,
                 std::size_t body_bytes);

  /// Closes the socket when `limit` passes first: the wait under way then ends with an error.
  void arm(std::chrono::milliseconds limit);
  void close();
  /// From now on no step of a send may take longer, the one under way included.
  void hurry(std::chrono::milliseconds limit);

  /// Sends all of it; `limit` is for each step, so that a reader that goes on reading may be slow.
  /// False when the connection is at its end.
  static boost::asio::awaitable<bool> send(HttpConnection* connection,
                                           std::string octets,
                                           std::chrono::milliseconds limit);

  std::shared_ptr<Socket> socket;
  boost::asio::steady_timer timer;
  RequestReader reader;
  Door door;
  std::optional<std::uint32_t> uid;
  std::string peer;  // where it comes from, one text for each address
  /// A stream that waits for records; cancelled, it looks what has happened. Null otherwise.
  boost::asio::steady_timer* wake = nullptr;
  bool is_sending = false;
  std::optional<std::chrono::milliseconds> most;  // see hurry()
  std::array<std::uint8_t, 16 * 1024> chunk{};
};

/// A client that leaves while it waits is noticed at once: the socket is closed and `wake`
/// cancelled. Octets of a next request have to wait and are not looked at.
void close_when_left(const std::shared_ptr<HttpConnection::Socket>& socket,
                     const std::shared_ptr<boost::asio::steady_timer>& wake);

}  // namespace agp::api
