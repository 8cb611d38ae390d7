#include "daemon/io/connection_driver.h"

#include "common/log/log.h"
#include "daemon/io/deadline.h"

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

// How long, and for how much, a client that has been answered may go on sending.
constexpr auto kLinger = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 4U << 20U;

usage::Micros wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

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
  if (!ignored && worker_->hooks_.uid_of) {
    facts.local_uid = worker_->hooks_.uid_of(peer, meant);
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

void ConnectionDriver::wake_writers() {
  if (writers_) {
    writers_->client.cancel();
    writers_->upstream.cancel();
  }
}

asio::awaitable<bool> ConnectionDriver::learn_destination() {
  if (origin_.entry == Entry::connect) {
    const bool is_read = co_await read_connect_head();
    co_return is_read;
  }
  if (origin_.entry == Entry::reverse) {
    auto rules = worker_->settings_.destinations;
    rules.port = origin_.reverse->port;  // configured, and therefore meant
    const bool is_resolved =
        co_await resolve_target(origin_.reverse->host, origin_.reverse->port, std::move(rules));
    co_return is_resolved;
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

// Explicit mode: the client names the destination. Everything after the head is the same pipeline.
asio::awaitable<bool> ConnectionDriver::read_connect_head() {
  std::string head;
  std::optional<relay::ConnectTarget> target;
  while (!target) {
    char bytes[4096];
    const auto room = asio::buffer(bytes);
    auto [ec, size] = co_await client_.socket.async_read_some(room, kTuple);
    if (is_timed_out_ && !is_aborted_) {
      time_out();
    }
    if (ec || is_aborted_) {
      co_return false;
    }
    head.append(bytes, size);
    auto parsed = relay::parse_connect_head(head);
    if (!parsed) {
      const bool is_other_method = parsed.error().code == boost::system::errc::not_supported;
      if (is_other_method) {
        co_await refuse_connect(405, "Method Not Allowed",
                                "This port takes HTTP CONNECT only. Point HTTPS_PROXY at it, not "
                                "HTTP_PROXY, and use https:// addresses.");
      } else {
        co_await refuse_connect(400, "Bad Request",
                                "This port takes HTTP CONNECT host:443 requests only.");
      }
      co_return false;
    }
    target = std::move(*parsed);
  }
  // A client may begin with TLS before it has our answer.
  const auto rest = as_bytes(std::string_view(head).substr(target->head_size));
  early_.assign(rest.begin(), rest.end());
  auto rules = worker_->settings_.destinations;
  const bool is_resolved =
      co_await resolve_target(std::move(target->host), target->port, std::move(rules));
  if (!is_resolved) {
    co_return false;
  }
  static constexpr std::string_view kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";
  queue_for_client(kEstablished);
  started_ = activity_ = Clock::now();
  co_return true;
}

asio::awaitable<bool> ConnectionDriver::resolve_target(std::string host,
                                                       std::uint16_t port,
                                                       DestinationRules rules) {
  const auto& settings = worker_->settings_;
  Result<> allowed;
  if (settings.proxy && settings.proxy->by_name && may_be_asked_by_name(host)) {
    // The proxy resolves: many of these networks cannot.
    named_ = host;
    destination_.port(port);
    if (port != rules.port) {
      allowed = Error{make_error_code(DestinationErrc::wrong_port), "port"};
    }
  } else {
    Lookup lookup(&worker_->context_);
    lookup_ = &lookup;
    auto found = co_await lookup.run(host, port, settings.deadlines.connect);
    lookup_ = nullptr;
    if (is_aborted_) {
      co_return false;
    }
    if (!found) {
      worker_->counters_->upstream_unreachable.fetch_add(1, std::memory_order_relaxed);
      log::warning("connection refused: its host cannot be resolved", {{"ERROR", found.error()}});
      if (found.error().code == asio::error::timed_out) {
        co_await refuse_connect(504, "Gateway Timeout",
                                "The name server did not answer in time. Try again, or check "
                                "/etc/resolv.conf of this machine.");
      } else {
        co_await refuse_connect(502, "Bad Gateway",
                                "The host name cannot be resolved. Check the name and the name "
                                "servers of this machine.");
      }
      co_return false;
    }
    for (const auto& endpoint : *found) {
      allowed = check_destination(endpoint, rules);
      if (allowed) {
        destination_ = endpoint;
        break;
      }
    }
  }
  if (allowed) {
    co_return true;
  }
  worker_->counters_->refused_destination.fetch_add(1, std::memory_order_relaxed);
  log::warning("connection refused: its destination is not one we may dial",
               {{"ERROR", allowed.error()}});
  co_await refuse_connect(403, "Forbidden",
                          "Only port 443 of public addresses may be reached. Networks of your own "
                          "are allowed with upstream.allow_networks in "
                          "/etc/antigravity-proxy/proxy.yaml.");
  co_return false;
}

asio::awaitable<void> ConnectionDriver::refuse_connect(int status,
                                                       const char* reason,
                                                       const char* text) {
  const std::string body = std::string(text) + '\n';
  const std::string answer = "HTTP/1.1 " + std::to_string(status) + ' ' + reason +
                             (status == 405 ? "\r\nAllow: CONNECT" : "") +
                             "\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                             "Content-Length: " +
                             std::to_string(body.size()) + "\r\n\r\n" + body;
  started_ = Clock::now();  // a lookup may have taken longer than a handshake may
  client_.wants_fin = true;
  queue_for_client(answer);
  co_await drain(Side::client);
  // Octets that are left unread would turn the close into a reset, which eats the answer.
  auto& rest = worker_->receive_;
  if (client_.socket.is_open()) {
    (void)!::recv(client_.socket.native_handle(), rest.data(), rest.size(), MSG_DONTWAIT);
  }
}

// What we say ourselves, before there is a core that speaks.
void ConnectionDriver::queue_for_client(std::string_view text) {
  client_.write_progress = Clock::now();
  append(client_.queue, as_bytes(text));
  send_queued(Side::client);
  account();
}

relay::Entry ConnectionDriver::relay_entry() const {
  relay::Entry entry;
  const auto port = ':' + std::to_string(destination_.port());
  if (!named_.empty()) {
    entry.destination = named_ + port;
  } else {
    const auto address = destination_.address();
    entry.destination =
        (address.is_v6() ? '[' + address.to_string() + ']' : address.to_string()) + port;
  }
  if (origin_.reverse) {
    entry.cleartext_host = origin_.reverse->host;
    entry.cleartext_port = origin_.reverse->port;
  }
  return entry;
}

// A proxy is asked for the name where there is one that may be asked (docs/adr/0011).
ProxyTarget ConnectionDriver::proxy_target() const {
  const auto* proxy = worker_->settings_.proxy.get();
  ProxyTarget target{named_, destination_.port()};
  if (target.host.empty() && proxy != nullptr && proxy->by_name && !is_unnamed_ &&
      may_be_asked_by_name(core_->host())) {
    target.host = core_->host();
  }
  if (target.host.empty()) {
    target.host = destination_.address().to_string();
  }
  return target;
}

asio::awaitable<void> ConnectionDriver::dial() {
  const auto* proxy = worker_->settings_.proxy.get();
  Dialer dialer(&worker_->context_, &upstream_.socket, proxy, worker_->settings_.deadlines.connect);
  dialer_ = &dialer;
  auto target = proxy_target();
  auto opened = co_await dialer.dial(destination_, std::move(target));
  dialer_ = nullptr;
  if (is_aborted_) {
    co_return;
  }
  if (!opened && proxy != nullptr) {
    worker_->counters_->proxy_failed.fetch_add(1, std::memory_order_relaxed);
  }
  started_ = activity_ = Clock::now();
  core_->on_upstream_open(opened ? Result<>() : Result<>(opened.error()), wall_clock());
  flush();
  core_->prepare_answer(wall_clock());
  carry_out_commands();
  if (opened && !opened->empty() && !is_aborted_) {
    feed(Side::upstream, *opened);
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

// Tells the process what waits here.
void ConnectionDriver::account() {
  const auto now = buffered();
  if (now != accounted_) {
    // Unsigned arithmetic wraps, so that one addition does for more and for less.
    worker_->counters_->buffered_bytes.fetch_add(static_cast<std::uint64_t>(now) - accounted_,
                                                 std::memory_order_relaxed);
    accounted_ = now;
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
      is_idle = core_->is_idle() || (core_->is_unparsed() && is_quiet);
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
