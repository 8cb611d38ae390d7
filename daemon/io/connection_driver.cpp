#include "daemon/io/connection_driver.h"

#include "common/log/log.h"
#include "daemon/relay/connect_head.h"

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

usage::Micros wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

ConnectionDriver::ConnectionDriver(Worker* worker, tcp::socket client, Worker::Entry entry)
    : worker_(worker),
      client_(std::move(client)),
      upstream_(tcp::socket(worker->context_)),
      entry_(entry),
      started_(Clock::now()),
      activity_(started_) {
  worker_->drivers_.push_back(this);
  worker_->counters_->accepted.fetch_add(1, std::memory_order_relaxed);
  worker_->counters_->open.fetch_add(1, std::memory_order_relaxed);
}

ConnectionDriver::~ConnectionDriver() {
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
  if (!ignored && worker_->hooks_.uid_of) {
    facts.local_uid = worker_->hooks_.uid_of(peer, destination_);
  }
  core_.emplace(std::move(facts), worker_->surroundings_.get(), &worker_->scratch_);

  // Until the client has said where it wants to go there is only one leg.
  co_await pump(Side::client);
  if (wants_upstream_ && !is_aborted_) {
    co_await dial();
  }
  if (core_->phase() != relay::Phase::closed && !is_aborted_) {
    auto from_client = pump(Side::client);
    auto from_upstream = pump(Side::upstream);
    using namespace asio::experimental::awaitable_operators;
    co_await (std::move(from_client) && std::move(from_upstream));
  }
  // An alert, or the tail of a message, may still wait for a slow receiver.
  for (const Side side : {Side::client, Side::upstream}) {
    if (leg(side).wants_fin) {
      co_await drain(side);
    }
  }
  take_records();
}

asio::awaitable<bool> ConnectionDriver::learn_destination() {
  if (entry_ == Worker::Entry::connect) {
    const bool is_read = co_await read_connect_head();
    co_return is_read;
  }
  auto destination = original_destination(client_.socket.native_handle());
  if (destination) {
    if (auto allowed = check_destination(*destination, worker_->settings_.destinations); !allowed) {
      destination = allowed.error();
    } else {
      destination_ = *destination;
      co_return true;
    }
  }
  worker_->counters_->refused_destination.fetch_add(1, std::memory_order_relaxed);
  log::warning("connection refused: its destination is not one we may dial",
               {{"ERROR", destination.error()}});
  abort();
  co_return false;
}

// Explicit mode: the client names the destination, and we resolve it. Everything after the head is
// the same pipeline.
asio::awaitable<bool> ConnectionDriver::read_connect_head() {
  std::string head;
  std::optional<relay::ConnectTarget> target;
  while (!target) {
    char bytes[1024];
    const auto room = asio::buffer(bytes);
    auto [ec, size] = co_await client_.socket.async_read_some(room, kTuple);
    if (ec || is_timed_out_) {
      co_return false;
    }
    head.append(bytes, size);
    auto parsed = relay::parse_connect_head(head);
    if (!parsed) {
      static constexpr std::string_view kBad =
          "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
          "Content-Length: 51\r\n\r\nThis port takes HTTP CONNECT host:443 requests only\n";
      client_.queue.assign(kBad.begin(), kBad.end());
      co_await drain(Side::client);
      co_return false;
    }
    target = std::move(*parsed);
  }
  tcp::resolver resolver(worker_->context_);
  const std::string port = std::to_string(target->port);
  auto [ec, found] = co_await resolver.async_resolve(target->host, port, kTuple);
  Result<> allowed = ec ? Result<>(Error{ec, "cannot resolve the host"}) : Result<>();
  for (const auto& entry : found) {
    allowed = check_destination(entry.endpoint(), worker_->settings_.destinations);
    if (allowed) {
      destination_ = entry.endpoint();
      break;
    }
  }
  if (!allowed || found.empty()) {
    worker_->counters_->refused_destination.fetch_add(1, std::memory_order_relaxed);
    log::warning(
        "CONNECT refused",
        {{"ERROR", allowed ? Error{asio::error::host_not_found, "resolve"} : allowed.error()}});
    static constexpr std::string_view kRefused =
        "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    client_.queue.assign(kRefused.begin(), kRefused.end());
    co_await drain(Side::client);
    co_return false;
  }
  static constexpr std::string_view kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";
  client_.queue.assign(kEstablished.begin(), kEstablished.end());
  send_queued(Side::client);
  // A client that does not wait for our answer has already begun with TLS; those octets cannot be
  // put back, and no client of note does so.
  co_return head.size() == target->head_size;
}

asio::awaitable<void> ConnectionDriver::dial() {
  boost::system::error_code failed;
  upstream_.socket.open(destination_.protocol(), failed);
  if (!failed) {
    is_dialling_ = true;
    activity_ = Clock::now();
    auto [ec] = co_await upstream_.socket.async_connect(destination_, kTuple);
    failed = ec;
    is_dialling_ = false;
  }
  if (is_aborted_) {
    co_return;
  }
  boost::system::error_code ignored;
  if (!failed) {
    upstream_.socket.set_option(tcp::no_delay(true), ignored);
    upstream_.socket.non_blocking(true, ignored);
  } else if (is_timed_out_) {
    failed = asio::error::timed_out;
    is_timed_out_ = false;
  }
  started_ = activity_ = Clock::now();
  core_->on_upstream_open(failed ? Result<>(Error{failed, "connect"}) : Result<>(), wall_clock());
  flush();
  carry_out_commands();
}

asio::awaitable<void> ConnectionDriver::pump(Side from) {
  auto& source = leg(from).socket;
  const Side to = from == Side::client ? Side::upstream : Side::client;
  bool ended = false;
  while (!ended && !is_aborted_ && core_->phase() != relay::Phase::closed) {
    if (core_->phase() == relay::Phase::opening) {
      co_return;  // run() dials now
    }
    auto [ec] = co_await source.async_wait(tcp::socket::wait_read, kTuple);
    if (is_aborted_) {
      co_return;
    }
    if (is_timed_out_) {
      time_out();
      co_return;
    }
    if (ec) {
      co_return;
    }
    bool may_have_more = true;
    for (int reads = 0; may_have_more && reads < kReadsPerWakeup && !ended; ++reads) {
      read_once(from, &may_have_more, &ended);
      if (is_aborted_ || core_->phase() == relay::Phase::opening) {
        break;
      }
      if (leg(to).queue.size() > leg(to).sent) {
        co_await drain(to);  // a slow receiver stops the reads, and TCP does the rest
        may_have_more = !is_aborted_;
      }
    }
  }
  if (core_->phase() == relay::Phase::closed && !is_aborted_) {
    // Wakes the other pump, which waits for octets that no longer matter.
    boost::system::error_code ignored;
    leg(to).socket.cancel(ignored);
  }
}

void ConnectionDriver::read_once(Side from, bool* may_have_more, bool* ended) {
  auto& buffer = worker_->receive_;
  const auto got =
      ::recv(leg(from).socket.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
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
    *may_have_more = static_cast<std::size_t>(got) == buffer.size();
    activity_ = Clock::now();
    core_->on_bytes(from, Bytes(buffer).first(static_cast<std::size_t>(got)), now);
    flush();  // on their way first, read afterwards
    core_->observe(now);
  }
  flush();
  carry_out_commands();
  take_records();
}

void ConnectionDriver::flush() {
  for (const Side side : {Side::upstream, Side::client}) {
    auto& to = leg(side);
    Buffer made = core_->take_output(side);
    if (made.empty()) {
      continue;
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
  }
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
  while (to.sent < to.queue.size() && !is_aborted_) {
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
      flush();
      leg(half->to).wants_fin = true;
      send_queued(half->to);
    } else if (std::holds_alternative<relay::Abort>(*command)) {
      take_records();
      abort();
    } else {
      worker_->on_report(std::get<relay::Report>(*command));
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

void ConnectionDriver::check_deadlines(Clock::time_point now) {
  const auto& deadlines = worker_->settings_.deadlines;
  const auto idle = now - activity_;
  bool is_late = false;
  const auto phase = core_ ? core_->phase() : relay::Phase::hello;
  switch (phase) {
    case relay::Phase::opening:
      is_late = is_dialling_ && now - activity_ > deadlines.connect;
      break;
    case relay::Phase::hello:
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
    is_late = is_late || (each->sent < each->queue.size() &&
                          now - each->write_progress > deadlines.write_idle);
  }
  if (is_late && !is_timed_out_) {
    is_timed_out_ = true;
    boost::system::error_code ignored;  // what waits on the sockets wakes up and sees the flag
    client_.socket.cancel(ignored);
    upstream_.socket.cancel(ignored);
  }
}

}  // namespace agp::io
