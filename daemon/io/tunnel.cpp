#include "daemon/io/connection_driver.h"
#include "daemon/io/splice.h"

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

// Tunnels: octets that nobody here reads go from socket to socket inside the kernel.
namespace agp::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using relay::Side;
using Kind = Pipe::Moved::Kind;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr int kFillsPerWakeup = 8;

}  // namespace

asio::awaitable<void> ConnectionDriver::tunnel(Side from) {
  const Side to = from == Side::client ? Side::upstream : Side::client;
  bool ended = false;
  while (!ended && !is_aborted_ && core_->phase() != relay::Phase::closed) {
    const bool is_ready = co_await wait_on(from, tcp::socket::wait_read);
    if (!is_ready) {
      co_return;
    }
    auto pipe = is_splice_possible_ ? worker_->pipes_.take() : std::nullopt;
    if (!pipe) {
      bool may_have_more = false;
      read_once(from, &may_have_more, &ended);
      account();
      if (leg(to).queue.size() > leg(to).sent) {
        co_await drain(to);
      }
      continue;
    }
    for (int fills = 0; fills < kFillsPerWakeup && !ended && !is_aborted_; ++fills) {
      const auto got = pipe->fill_from(leg(from).socket.native_handle());
      if (got.kind == Kind::none_now) {
        break;
      }
      if (got.kind == Kind::unsupported) {
        is_splice_possible_ = false;
        break;
      }
      if (got.kind != Kind::some) {
        ended = true;
        got.kind == Kind::end ? core_->on_eof(from, wall_clock())
                              : core_->on_reset(from, wall_clock());
        flush();
        carry_out_commands();
        break;
      }
      activity_ = leg(to).write_progress = Clock::now();
      while (pipe->size() > 0 && !is_aborted_) {
        const auto moved = pipe->empty_into(leg(to).socket.native_handle());
        if (moved.kind == Kind::some) {
          activity_ = leg(to).write_progress = Clock::now();
          const auto count = static_cast<std::uint64_t>(moved.octets);
          count_relayed(to, count);
          worker_->counters_->bytes_spliced.fetch_add(count, std::memory_order_relaxed);
          continue;
        }
        if (moved.kind == Kind::none_now) {
          leg(to).piped = pipe->size();
          account();
          const bool has_room = co_await wait_on(to, tcp::socket::wait_write);
          leg(to).piped = 0;
          account();
          if (has_room) {
            continue;
          }
          if (!is_aborted_ && core_->phase() != relay::Phase::closed) {
            continue;  // woken because the other direction ended
          }
          co_return;
        }
        ended = true;
        core_->on_reset(to, wall_clock());
        carry_out_commands();
        break;
      }
    }
    worker_->pipes_.give(std::move(*pipe));
  }
  if (core_->phase() == relay::Phase::closed && !is_aborted_) {
    // Wakes the other direction, which waits for octets that no longer matter.
    boost::system::error_code ignored;
    leg(to).socket.cancel(ignored);
  }
}

}  // namespace agp::io
