#include "daemon/api/http_connection.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sys/socket.h>

namespace agp::api {
namespace {

constexpr auto kTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

bool has_left(HttpConnection::Socket* socket) {
  char octet = 0;
  const auto size = ::recv(socket->native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

}  // namespace

HttpConnection::HttpConnection(Socket s,
                               boost::asio::io_context* io,
                               std::size_t head_bytes,
                               std::size_t body_bytes)
    : socket(std::make_shared<Socket>(std::move(s))), timer(*io), reader(head_bytes, body_bytes) {}

// A timer that has fired may outlive the connection, hence the weak pointer.
void HttpConnection::arm(std::chrono::milliseconds limit) {
  timer.expires_after(limit);
  timer.async_wait([weak = std::weak_ptr(socket)](boost::system::error_code cancelled) {
    const auto late = cancelled ? nullptr : weak.lock();
    if (late) {
      boost::system::error_code ignored;
      (void)late->close(ignored);
    }
  });
}

void HttpConnection::close() {
  boost::system::error_code ignored;
  (void)socket->close(ignored);
  timer.cancel();
}

void HttpConnection::hurry(std::chrono::milliseconds limit) {
  most = limit;
  if (is_sending) {
    arm(limit);
  }
}

boost::asio::awaitable<bool> HttpConnection::send(HttpConnection* connection,
                                                  std::string octets,
                                                  std::chrono::milliseconds limit) {
  std::size_t sent = 0;
  connection->is_sending = true;
  while (sent < octets.size()) {
    connection->arm(std::min(limit, connection->most.value_or(limit)));
    const auto rest = boost::asio::buffer(octets.data() + sent, octets.size() - sent);
    auto [error, size] = co_await connection->socket->async_write_some(rest, kTuple);
    if (error) {
      break;
    }
    sent += size;
  }
  connection->is_sending = false;
  co_return sent == octets.size();
}

void close_when_left(const std::shared_ptr<HttpConnection::Socket>& socket,
                     const std::shared_ptr<boost::asio::steady_timer>& wake) {
  socket->async_wait(
      HttpConnection::Socket::wait_read,
      [weak = std::weak_ptr(socket), wake = std::weak_ptr(wake)](boost::system::error_code error) {
        const auto late = weak.lock();
        if (error || !late || !has_left(late.get())) {
          return;  // a next request has to wait for ever: it is not looked at
        }
        boost::system::error_code ignored;
        (void)late->close(ignored);
        if (const auto timer = wake.lock()) {
          timer->cancel();
        }
      });
}

}  // namespace agp::api
