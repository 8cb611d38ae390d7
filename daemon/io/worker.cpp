#include "daemon/io/worker.h"

#include "common/log/log.h"
#include "daemon/io/connection_driver.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReceiveSize = 64 * 1024;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

// Deadlines are checked by one timer per worker: none is armed or cancelled per read.
std::chrono::milliseconds tick_of(const Deadlines& deadlines) {
  const auto shortest =
      std::min({deadlines.handshake, deadlines.connect, deadlines.read_idle, deadlines.write_idle});
  return std::clamp(shortest / 8, std::chrono::milliseconds(10), std::chrono::milliseconds(1000));
}

asio::awaitable<void> own_and_run(std::unique_ptr<ConnectionDriver> driver) {
  co_await driver->run();
}

void log_unhandled(std::exception_ptr problem, const char* where) {
  if (!problem) {
    return;
  }
  try {
    std::rethrow_exception(problem);
  } catch (const std::exception& e) {
    log::err("bug: an exception ended a task", {{"TASK", where}, {"ERROR", e.what()}});
  }
}

std::atomic<std::uint64_t>& counter_of(Counters& counters, relay::Hello::Why why) {
  switch (why) {
    case relay::Hello::Why::no_sni:
      return counters.no_sni;
    case relay::Hello::Why::ech:
      return counters.ech;
    case relay::Hello::Why::ip_literal:
      return counters.ip_literal;
    case relay::Hello::Why::not_tls:
      return counters.not_tls;
    case relay::Hello::Why::named:  // never reported as unnamed
    case relay::Hello::Why::malformed:
      break;
  }
  return counters.malformed_hello;
}

}  // namespace

struct Worker::Listener {
  Listener(asio::io_context& context, Entry e) : acceptor(context), entry(e) {}
  tcp::acceptor acceptor;
  Entry entry;
};

Worker::Worker(Settings settings,
               std::unique_ptr<relay::Surroundings> surroundings,
               Hooks hooks,
               Counters* counters)
    : context_(1),
      settings_(std::move(settings)),
      surroundings_(std::move(surroundings)),
      hooks_(std::move(hooks)),
      counters_(counters),
      receive_(kReceiveSize),
      tick_(context_),
      room_(context_),
      grace_(context_) {}

Worker::~Worker() = default;

void Worker::listen(UniqueFd listener, Entry entry) {
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  (void)::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&local), &size);
  listeners_.push_back(std::make_unique<Listener>(context_, entry));
  auto& made = *listeners_.back();
  boost::system::error_code ec;
  made.acceptor.assign(local.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), listener.release(), ec);
  if (ec) {
    log::err("cannot use a listening socket", {{"ERROR", Error{ec, "assign"}}});
    return;
  }
  asio::co_spawn(context_, accept_loop(&made),
                 [](std::exception_ptr problem) { log_unhandled(std::move(problem), "accept"); });
}

asio::awaitable<void> Worker::accept_loop(Listener* listener) {
  while (!is_stopping_) {
    if (drivers_.size() >= settings_.max_connections) {
      // The backlog queues meanwhile. A connection that ends cancels this wait.
      room_.expires_at(Clock::time_point::max());
      (void)co_await room_.async_wait(kTuple);
      continue;
    }
    auto [ec, client] = co_await listener->acceptor.async_accept(kTuple);
    if (is_stopping_) {
      co_return;
    }
    if (ec == asio::error::operation_aborted || ec == asio::error::bad_descriptor) {
      co_return;
    }
    if (ec == asio::error::connection_aborted || ec == asio::error::try_again) {
      continue;
    }
    if (ec) {
      // Out of descriptors or memory: the backlog keeps the clients while others finish.
      log::warning("cannot accept, waiting for room", {{"ERROR", Error{ec, "accept"}}});
      asio::steady_timer pause(context_, kAcceptPause);
      (void)co_await pause.async_wait(kTuple);
      continue;
    }
    start(std::move(client), listener->entry);
  }
}

void Worker::start(tcp::socket client, Entry entry) {
  auto driver = std::make_unique<ConnectionDriver>(this, std::move(client), entry);
  asio::co_spawn(context_, own_and_run(std::move(driver)), [](std::exception_ptr problem) {
    log_unhandled(std::move(problem), "connection");
  });
}

asio::awaitable<void> Worker::tick_loop() {
  const auto period = tick_of(settings_.deadlines);
  while (!is_stopping_ || !drivers_.empty()) {
    tick_.expires_after(period);
    (void)co_await tick_.async_wait(kTuple);
    const auto now = Clock::now();
    for (auto* driver : std::vector<ConnectionDriver*>(drivers_)) {
      driver->check_deadlines(now);
    }
  }
}

void Worker::run() {
  asio::co_spawn(context_, tick_loop(),
                 [](std::exception_ptr problem) { log_unhandled(std::move(problem), "tick"); });
  context_.run();
}

void Worker::stop(std::chrono::milliseconds grace) {
  asio::post(context_, [this, grace] {
    is_stopping_ = true;
    boost::system::error_code ignored;
    for (auto& listener : listeners_) {
      listener->acceptor.close(ignored);
    }
    room_.cancel();
    tick_.cancel();
    grace_.expires_after(grace);
    grace_.async_wait([this](boost::system::error_code) {
      for (auto* driver : std::vector<ConnectionDriver*>(drivers_)) {
        driver->end_now();
      }
    });
    if (drivers_.empty()) {
      grace_.cancel();
    }
  });
}

void Worker::on_ended(ConnectionDriver* driver) {
  std::erase(drivers_, driver);
  room_.cancel();
  if (is_stopping_ && drivers_.empty()) {
    grace_.cancel();
    tick_.cancel();
  }
}

void Worker::on_report(const relay::Report& report) {
  using Kind = relay::Report::Kind;
  const auto count = [](std::atomic<std::uint64_t>& counter) {
    counter.fetch_add(1, std::memory_order_relaxed);
  };
  switch (report.kind) {
    case Kind::blocked:
      count(counters_->blocked);
      log::notice("connection blocked by policy", {{"SNI", report.host}});
      break;
    case Kind::no_common_protocol:
      count(counters_->no_common_protocol);
      log::warning("client and upstream share no protocol, connection refused",
                   {{"SNI", report.host}, {"ERROR", report.detail}});
      break;
    case Kind::upstream_unreachable:
      count(counters_->upstream_unreachable);
      log::warning("upstream cannot be reached", {{"SNI", report.host}, {"ERROR", report.detail}});
      break;
    case Kind::upstream_refused:
      count(counters_->upstream_refused);
      log::warning("upstream refused: its TLS or its certificate does not verify",
                   {{"SNI", report.host}, {"ERROR", report.detail}});
      break;
    case Kind::client_refused:
      count(counters_->client_refused);
      log::warning("client refused our certificate or broke the handshake",
                   {{"SNI", report.host}, {"ERROR", report.detail}});
      break;
    case Kind::leaf_failed:
      log::err("cannot mint a certificate", {{"SNI", report.host}, {"ERROR", report.detail}});
      break;
    case Kind::stream_broken:
      count(counters_->stream_broken);
      log::warning("stream broken by a TLS error",
                   {{"SNI", report.host}, {"ERROR", report.detail}});
      break;
    case Kind::intercepted:
      count(counters_->intercepted);
      log::debug("connection intercepted", {{"SNI", report.host}, {"TLS", report.detail}});
      break;
    case Kind::tunnelled:
      count(counters_->tunnelled);
      log::debug("connection tunnelled", {{"SNI", report.host}});
      break;
    case Kind::unnamed:
      count(counter_of(*counters_, report.why));
      log::debug("client named no host", {{"SNI", report.host}, {"ERROR", report.detail}});
      break;
    case Kind::unparsed:
      count(counters_->unparsed);
      log::notice("stream not understood, relayed unparsed",
                  {{"SNI", report.host}, {"ALPN", report.detail}});
      break;
  }
  if (hooks_.on_report) {
    hooks_.on_report(report);
  }
}

}  // namespace agp::io
