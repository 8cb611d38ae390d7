#include "daemon/io/connection_driver.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sys/socket.h>

namespace agp::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using relay::Side;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

// One wake-up reads at most this many times, so that one bulk stream cannot starve the others.
constexpr int kReadsPerWakeup = 8;

}  // namespace

ConnectionDriver::ConnectionDriver(Worker* worker, tcp::socket client, Origin origin)
    : worker_(worker),
      client_(std::move(client)),
      upstream_(tcp::socket(worker->context_)),
      origin_(std::move(origin)),
      resumed_(worker->context_),
      started_(Clock::now()),
      activity_(started_) {
  resumed_.expires_at(Clock::time_point::max());  // only cancel() wakes who waits for it
  worker_->drivers_.push_back(this);
  worker_->counters_->accepted.fetch_add(1, std::memory_order_relaxed);
  worker_->counters_->open.fetch_add(1, std::memory_order_relaxed);
}

ConnectionDriver::~ConnectionDriver() {
  worker_->counters_->buffered_bytes.fetch_sub(accounted_, std::memory_order_relaxed);
  worker_->counters_->open_calls.fetch_sub(open_calls_, std::memory_order_relaxed);
  worker_->counters_->open.fetch_sub(1, std::memory_order_relaxed);
  worker_->on_ended(this);
}

asio::awaitable<void> ConnectionDriver::run() {
  boost::system::error_code ignored;
  (void)client_.socket.set_option(tcp::no_delay(true), ignored);  // only latency is at stake
  client_.socket.non_blocking(true, ignored);
  const bool is_known = co_await learn_destination();
  if (!is_known) {
    co_return;
  }
  relay::ConnectionFacts facts;
  const auto peer = client_.socket.remote_endpoint(ignored);
  const auto meant =
      origin_.entry == Entry::redirected ? destination_ : client_.socket.local_endpoint(ignored);
  if (!ignored && worker_->hooks_.caller_of) {
    const auto caller = worker_->hooks_.caller_of(peer, meant);
    facts.local_uid = caller.local_uid;
    facts.owner_uid = caller.owner_uid;
  }
  core_.emplace(std::move(facts), worker_->surroundings_.get(), &worker_->scratch_, relay_entry());

  if (!early_.empty()) {
    const Buffer early = std::exchange(early_, {});
    feed(Side::client, early);
  }
  // Until the client has said where it wants to go there is only one leg.
  co_await pump(Side::client);
  if (wants_upstream_ && !is_aborted_) {
    co_await dial();
  }
  if (core_->phase() != relay::Phase::closed && !is_aborted_) {
    const bool is_tunnel = core_->phase() == relay::Phase::tunnelling;
    if (is_tunnel) {
      // What is queued goes first: the hello, and what we or a proxy already have for the client.
      co_await drain(Side::upstream);
      co_await drain(Side::client);
    }
    if (core_->is_rewriting()) {
      co_await run_rewriting();
    } else {
      auto from_client = is_tunnel ? tunnel(Side::client) : pump(Side::client);
      auto from_upstream = is_tunnel ? tunnel(Side::upstream) : pump(Side::upstream);
      using namespace asio::experimental::awaitable_operators;
      co_await (std::move(from_client) && std::move(from_upstream));
    }
  }
  // An alert, or the tail of a message, may still wait for a slow receiver.
  for (const Side side : {Side::client, Side::upstream}) {
    if (leg(side).wants_fin) {
      co_await drain(side);
    }
  }
  take_records();
  if (core_->is_rewriting() && client_.is_shut && !is_aborted_) {
    co_await linger();
  }
}

asio::awaitable<void> ConnectionDriver::run_rewriting() {
  writers_ = std::make_unique<Writers>(worker_->context_);
  auto from_client = pump(Side::client);
  auto from_upstream = pump(Side::upstream);
  auto to_client = write_out(Side::client);
  auto to_upstream = write_out(Side::upstream);
  using namespace asio::experimental::awaitable_operators;
  auto reading = std::move(from_client) && std::move(from_upstream);
  auto writing = std::move(to_client) && std::move(to_upstream);
  co_await (std::move(reading) && std::move(writing));
}

// Sends what the core has for that side, and takes the next only when that is gone: what is not
// taken is what stops the other side.
asio::awaitable<void> ConnectionDriver::write_out(Side to) {
  auto& wake = to == Side::client ? writers_->client : writers_->upstream;
  while (!is_aborted_) {
    if (!has_queued(to)) {
      if (core_->phase() == relay::Phase::closed) {
        co_return;
      }
      wake.expires_at(Clock::time_point::max());
      (void)co_await wake.async_wait(kTuple);
      continue;
    }
    co_await drain(to);
    if (is_aborted_ || has_queued(to)) {
      co_return;  // nothing can be written there any more
    }
    flush();
    core_->observe(wall_clock());
    carry_out_commands();
    take_records();
    account();
    resumed_.cancel();
    if (core_->phase() == relay::Phase::closed && !is_aborted_) {
      boost::system::error_code ignored;  // whoever waits for octets learns that it is over
      client_.socket.cancel(ignored);
      upstream_.socket.cancel(ignored);
    }
  }
}

void ConnectionDriver::wake_writers() {
  if (writers_) {
    writers_->client.cancel();
    writers_->upstream.cancel();
  }
}

void ConnectionDriver::feed(Side from, Bytes in) {
  const auto now = wall_clock();
  core_->on_bytes(from, in, now);
  flush();
  core_->observe(now);
  flush();
  carry_out_commands();
  take_records();
  account();
}

std::size_t ConnectionDriver::buffered() const {
  return client_.queue.size() - client_.sent + client_.piped + upstream_.queue.size() -
         upstream_.sent + upstream_.piped;
}

// Tells the process what waits here, and which calls are under way.
void ConnectionDriver::account() {
  const auto now = buffered();
  if (now != accounted_) {
    // Unsigned arithmetic wraps, so that one addition does for more and for less.
    worker_->counters_->buffered_bytes.fetch_add(static_cast<std::uint64_t>(now) - accounted_,
                                                 std::memory_order_relaxed);
    accounted_ = now;
  }
  const auto calls = core_ ? core_->open_calls() : 0;
  if (calls != open_calls_) {
    worker_->counters_->open_calls.fetch_add(static_cast<std::uint64_t>(calls) - open_calls_,
                                             std::memory_order_relaxed);
    open_calls_ = calls;
  }
}

void ConnectionDriver::count_relayed(Side to, std::uint64_t octets) {
  auto& counter = to == Side::client ? worker_->counters_->bytes_to_client
                                     : worker_->counters_->bytes_to_upstream;
  counter.fetch_add(octets, std::memory_order_relaxed);
}

asio::awaitable<bool> ConnectionDriver::wait_on(Side side, tcp::socket::wait_type what) {
  auto [ec] = co_await leg(side).socket.async_wait(what, kTuple);
  if (is_aborted_) {
    co_return false;
  }
  if (is_timed_out_) {
    time_out();
    co_return false;
  }
  co_return !ec;
}

asio::awaitable<void> ConnectionDriver::pump(Side from) {
  const Side to = from == Side::client ? Side::upstream : Side::client;
  bool ended = false;
  while (!ended && !is_aborted_ && core_->phase() != relay::Phase::closed) {
    if (core_->phase() == relay::Phase::opening) {
      co_return;  // run() dials now
    }
    if (!core_->wants_read(from)) {
      // The core holds as much of this side as it may, until the other side has moved.
      // Both sides may wait here: setting the time anew would wake the other one, for nothing.
      (void)co_await resumed_.async_wait(kTuple);
      if (is_timed_out_ && !is_aborted_) {
        time_out();
        co_return;
      }
      continue;
    }
    const bool is_ready = co_await wait_on(from, tcp::socket::wait_read);
    if (!is_ready) {
      co_return;
    }
    if (worker_->is_over_budget() && has_queued(from)) {
      // Too much waits in all: who adds to it is not read, in no direction, until it has gone.
      co_await drain(from);
      continue;
    }
    bool may_have_more = true;
    for (int reads = 0; may_have_more && reads < kReadsPerWakeup && !ended; ++reads) {
      read_once(from, &may_have_more, &ended);
      account();
      resumed_.cancel();
      if (is_aborted_ || core_->phase() == relay::Phase::opening) {
        break;
      }
      if (core_->is_rewriting()) {
        may_have_more = may_have_more && core_->wants_read(from);
      } else if (has_queued(to)) {
        co_await drain(to);  // a slow receiver stops the reads, and TCP does the rest
        may_have_more = !is_aborted_;
      }
    }
  }
  if (core_->phase() == relay::Phase::closed && !is_aborted_) {
    // Wakes the other pump, which waits for octets that no longer matter.
    boost::system::error_code ignored;
    leg(to).socket.cancel(ignored);
    resumed_.cancel();
    wake_writers();
  }
}

void ConnectionDriver::read_once(Side from, bool* may_have_more, bool* ended) {
  auto& buffer = worker_->receive_;
  const auto room = worker_->read_size();
  const auto got = ::recv(leg(from).socket.native_handle(), buffer.data(), room, MSG_DONTWAIT);
  const auto now = wall_clock();
  if (got < 0) {
    *may_have_more = false;
    if (errno == EAGAIN || errno == EINTR) {
      return;
    }
    *ended = true;
    core_->on_reset(from, now);
  } else if (got == 0) {
    *may_have_more = false;
    *ended = true;
    core_->on_eof(from, now);
  } else {
    *may_have_more = static_cast<std::size_t>(got) == room;
    activity_ = Clock::now();
    core_->on_bytes(from, Bytes(buffer).first(static_cast<std::size_t>(got)), now);
    flush();  // on their way first, read afterwards
    core_->observe(now);
  }
  flush();
  carry_out_commands();
  take_records();
}

void ConnectionDriver::flush(Take take) {
  // What one side takes makes room in the rewriting relay for the other.
  bool may_have_more = true;
  while (may_have_more && !is_aborted_) {
    may_have_more = false;
    for (const Side side : {Side::upstream, Side::client}) {
      may_have_more = flush_side(side, take) || may_have_more;
    }
    may_have_more = may_have_more && core_->is_rewriting();
  }
  wake_writers();
}

bool ConnectionDriver::flush_side(Side side, Take take) {
  auto& to = leg(side);
  if (take == Take::what_fits && core_->is_rewriting() && has_queued(side)) {
    return false;
  }
  Buffer made = core_->take_output(side);
  if (made.empty()) {
    return false;
  }
  if (to.queue.empty()) {
    to.queue = std::move(made);
    to.sent = 0;
    to.write_progress = Clock::now();
  } else {
    append(to.queue, made);
    worker_->scratch_.spare.give(std::move(made));
  }
  send_queued(side);
  return true;
}

void ConnectionDriver::send_queued(Side side) {
  auto& to = leg(side);
  while (to.sent < to.queue.size() && to.socket.is_open()) {
    const auto taken = ::send(to.socket.native_handle(), to.queue.data() + to.sent,
                              to.queue.size() - to.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken < 0) {
      if (errno == EINTR) {
        continue;
      }
      if (errno == EAGAIN) {
        return;
      }
      to.queue = {};
      to.sent = 0;
      if (core_) {
        core_->on_reset(side, wall_clock());
      }
      return;
    }
    to.sent += static_cast<std::size_t>(taken);
    count_relayed(side, static_cast<std::uint64_t>(taken));
    to.write_progress = activity_ = Clock::now();
  }
  // The memory goes back: most connections are idle most of the time.
  worker_->scratch_.spare.give(std::exchange(to.queue, {}));
  to.sent = 0;
  if (to.wants_fin && !to.is_shut) {
    to.is_shut = true;
    boost::system::error_code ignored;  // not connected any more is as good
    to.socket.shutdown(tcp::socket::shutdown_send, ignored);
  }
}

asio::awaitable<void> ConnectionDriver::drain(Side side) {
  auto& to = leg(side);
  while (has_queued(side) && !is_aborted_) {
    auto [ec] = co_await to.socket.async_wait(tcp::socket::wait_write, kTuple);
    if (is_aborted_) {
      co_return;
    }
    if (is_timed_out_) {
      time_out();
      co_return;
    }
    if (ec) {
      // Cancelled because the other direction came to its end; only what is queued counts now.
      if (ec == asio::error::operation_aborted && to.socket.is_open()) {
        continue;
      }
      co_return;
    }
    send_queued(side);
    account();
    if (core_) {
      carry_out_commands();
    }
  }
}

void ConnectionDriver::carry_out_commands() {
  while (auto command = core_->next_command()) {
    if (std::holds_alternative<relay::OpenUpstream>(*command)) {
      wants_upstream_ = true;
    } else if (const auto* half = std::get_if<relay::HalfClose>(&*command)) {
      flush(Take::all);
      leg(half->to).wants_fin = true;
      send_queued(half->to);
    } else if (std::holds_alternative<relay::Abort>(*command)) {
      take_records();
      abort();
    } else {
      const auto& report = std::get<relay::Report>(*command);
      is_unnamed_ = is_unnamed_ || report.kind == relay::Report::Kind::unnamed;
      worker_->on_report(report);
    }
  }
}

void ConnectionDriver::take_records() {
  if (!core_) {
    return;
  }
  while (auto record = core_->next_record()) {
    if (worker_->hooks_.on_record) {
      worker_->hooks_.on_record(std::move(*record));
    }
  }
}

}  // namespace agp::io
