#include "daemon/io/connection_driver.h"
#include "daemon/io/deadline.h"

#include <chrono>

#include <boost/asio/use_awaitable.hpp>
#include <sys/socket.h>

// How a connection ends that its peers do not end: deadlines, drain, stop, and the moment in which
// a refused client goes on sending.
namespace agp::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using relay::Side;

// How long, and for how much, a client that has been answered may go on sending.
constexpr auto kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 4U << 20U;

}  // namespace

// A client that is refused in the middle of its request goes on sending. Octets that nobody reads
// turn the close into a reset, which would take the answer away from it.
asio::awaitable<void> ConnectionDriver::linger() {
  Deadline deadline(&client_.socket, Clock::now() + kLinger);
  auto& rest = worker_->receive_;
  for (std::size_t seen = 0; seen < kLingerBytes && !is_aborted_;) {
    const bool is_ready = co_await wait_on(Side::client, tcp::socket::wait_read);
    if (!is_ready || is_aborted_) {
      co_return;
    }
    const auto got = ::recv(client_.socket.native_handle(), rest.data(), rest.size(), MSG_DONTWAIT);
    if (got <= 0) {
      co_return;
    }
    seen += static_cast<std::size_t>(got);
  }
}

void ConnectionDriver::time_out() {
  worker_->counters_->timed_out.fetch_add(1, std::memory_order_relaxed);
  if (!core_ || core_->phase() == relay::Phase::closed) {
    abort();
    return;
  }
  core_->on_timeout(wall_clock());
  flush();
  carry_out_commands();
  take_records();
  is_timed_out_ = false;
}

void ConnectionDriver::abort() {
  is_aborted_ = true;
  resumed_.cancel();
  wake_writers();
  if (dialer_ != nullptr) {
    dialer_->cancel();
  }
  if (lookup_ != nullptr) {
    lookup_->cancel();
  }
  for (auto* each : {&client_, &upstream_}) {
    if (each->socket.is_open()) {
      boost::system::error_code ignored;  // the socket goes away in any case
      each->socket.set_option(asio::socket_base::linger(true, 0), ignored);
      each->socket.close(ignored);
    }
  }
}

void ConnectionDriver::end_now() {
  if (core_ && !is_aborted_) {
    core_->on_timeout(wall_clock());
    carry_out_commands();
    take_records();
  }
  if (!is_aborted_) {
    abort();
  }
}

void ConnectionDriver::end_if_idle(Clock::time_point now) {
  const auto phase = core_ ? core_->phase() : relay::Phase::hello;
  const bool is_quiet = now - activity_ >= worker_->settings_.drain_quiet && buffered() == 0;
  bool is_idle = false;
  switch (phase) {
    case relay::Phase::hello:
      is_idle = is_quiet && lookup_ == nullptr;
      break;
    case relay::Phase::opening:
    case relay::Phase::upstream_handshake:
    case relay::Phase::client_handshake:
    case relay::Phase::closed:
      return;  // soon over, one way or the other
    case relay::Phase::relaying:
      is_idle = (core_->is_idle() && (core_->has_begun() || is_quiet) && !has_unread()) ||
                (core_->is_unparsed() && is_quiet);
      break;
    case relay::Phase::tunnelling:
      is_idle = is_quiet;
      break;
  }
  if (!is_idle || is_aborted_) {
    return;
  }
  if (phase == relay::Phase::hello) {
    abort();
    return;
  }
  core_->end_idle(wall_clock());
  flush();
  carry_out_commands();
  take_records();
  resumed_.cancel();
  boost::system::error_code ignored;  // what waits for octets wakes up and finds the end
  client_.socket.cancel(ignored);
  upstream_.socket.cancel(ignored);
}

// The next request may be here already: to close on it would reset the connection.
bool ConnectionDriver::has_unread() {
  const auto waits = [](asio::ip::tcp::socket& socket) {
    char octet = 0;
    return ::recv(socket.native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  };
  return waits(client_.socket) || waits(upstream_.socket);
}

void ConnectionDriver::check_deadlines(Clock::time_point now) {
  const auto& deadlines = worker_->settings_.deadlines;
  const auto idle = now - activity_;
  bool is_late = false;
  const auto phase = core_ ? core_->phase() : relay::Phase::hello;
  switch (phase) {
    case relay::Phase::opening:
      break;  // the dialer keeps its own deadline
    case relay::Phase::hello:
      is_late = lookup_ == nullptr && now - started_ > deadlines.handshake;
      break;
    case relay::Phase::upstream_handshake:
    case relay::Phase::client_handshake:
      is_late = now - started_ > deadlines.handshake;
      break;
    case relay::Phase::relaying:
    case relay::Phase::tunnelling:
      is_late = idle > deadlines.read_idle;
      break;
    case relay::Phase::closed:
      break;
  }
  for (const auto* each : {&client_, &upstream_}) {
    is_late = is_late || ((each->sent < each->queue.size() || each->piped > 0) &&
                          now - each->write_progress > deadlines.write_idle);
  }
  if (is_late || is_timed_out_) {
    // Each tick anew: at the first one nobody may have been waiting for anything that can be
    // cancelled here.
    is_timed_out_ = true;
    resumed_.cancel();
    boost::system::error_code ignored;  // what waits on the sockets wakes up and sees the flag
    client_.socket.cancel(ignored);
    upstream_.socket.cancel(ignored);
  }
}

}  // namespace agp::io
