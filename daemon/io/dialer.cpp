#include "daemon/io/dialer.h"

#include "daemon/io/deadline.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

Dialer::Dialer(asio::io_context* context,
               tcp::socket* socket,
               const UpstreamProxy* proxy,
               std::chrono::milliseconds limit)
    : socket_(socket), proxy_(proxy), limit_(limit), lookup_(context) {}

void Dialer::cancel() {
  is_cancelled_ = true;
  lookup_.cancel();
  boost::system::error_code ignored;  // a closed socket has nothing to cancel
  socket_->cancel(ignored);
}

asio::awaitable<Result<Buffer>> Dialer::dial(tcp::endpoint address, ProxyTarget target) {
  const auto until = Clock::now() + limit_;
  std::vector<tcp::endpoint> candidates{address};
  if (proxy_ != nullptr) {
    auto found = co_await lookup_.run(proxy_->url.host, proxy_->url.port, limit_);
    if (!found) {
      co_return Error{found.error().code, "upstream.proxy: " + found.error().context};
    }
    candidates = std::move(*found);
  }
  auto connected = co_await connect_any(std::move(candidates), until);
  if (!connected) {
    co_return connected.error();
  }
  boost::system::error_code ignored;
  socket_->set_option(tcp::no_delay(true), ignored);  // only latency is at stake
  socket_->non_blocking(true, ignored);
  if (proxy_ == nullptr) {
    co_return Buffer{};
  }
  auto passed = co_await pass_proxy(std::move(target), until);
  co_return passed;
}

asio::awaitable<Result<>> Dialer::connect_any(std::vector<tcp::endpoint> to, Instant until) {
  const std::string what = proxy_ == nullptr ? "connect" : "connect to upstream.proxy";
  Error last{asio::error::host_not_found, what};
  for (std::size_t i = 0; i < to.size(); ++i) {
    // What is left of the time is shared by the addresses that are left.
    const auto now = Clock::now();
    const auto share = (until - now) / static_cast<int>(to.size() - i);
    boost::system::error_code failed;
    socket_->close(failed);
    socket_->open(to[i].protocol(), failed);
    if (!failed) {
      const Deadline deadline(socket_, now + share);
      auto [ec] = co_await socket_->async_connect(to[i], kTuple);
      failed = ec;
      if (ec == asio::error::operation_aborted && deadline.is_expired()) {
        failed = asio::error::timed_out;
      }
    }
    if (is_cancelled_) {
      co_return Error{asio::error::operation_aborted, what};
    }
    if (!failed) {
      co_return Result<>();
    }
    last = Error{failed, what};
  }
  co_return last;
}

asio::awaitable<Result<Buffer>> Dialer::pass_proxy(ProxyTarget target, Instant until) {
  static constexpr const char* kWhat = "upstream.proxy: handshake";
  const Deadline deadline(socket_, until);
  ProxyHandshake handshake(proxy_, std::move(target));
  std::array<std::uint8_t, 4096> received{};
  for (;;) {
    const Buffer out = handshake.take_output();
    for (std::size_t sent = 0; sent < out.size();) {
      const asio::const_buffer rest = asio::buffer(out) + sent;
      auto [ec, size] = co_await socket_->async_write_some(rest, kTuple);
      if (ec) {
        co_return Error{deadline.is_expired() ? make_error_code(asio::error::timed_out) : ec,
                        kWhat};
      }
      sent += size;
    }
    const auto room = asio::buffer(received);
    auto [ec, size] = co_await socket_->async_read_some(room, kTuple);
    if (ec) {
      co_return Error{deadline.is_expired() ? make_error_code(asio::error::timed_out) : ec, kWhat};
    }
    const auto in = Bytes(received).first(size);
    auto taken = handshake.feed(in);
    if (!taken) {
      co_return taken.error();
    }
    if (handshake.is_open()) {
      const auto beyond = in.subspan(*taken);
      co_return Buffer(beyond.begin(), beyond.end());
    }
  }
}

}  // namespace agp::io
