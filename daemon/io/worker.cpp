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
constexpr auto kDrainTick = std::chrono::milliseconds(50);

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
      grace_(context_) {}

Worker::~Worker() = default;

void Worker::adopt(UniqueFd client, bool is_v6, Origin origin) {
  load_.fetch_add(1, std::memory_order_relaxed);
  asio::post(context_, [this, client = std::move(client), is_v6, origin]() mutable {
    tcp::socket socket(context_);
    boost::system::error_code ec;
    socket.assign(is_v6 ? tcp::v6() : tcp::v4(), client.get(), ec);
    if (ec) {
      log::err("cannot use an accepted connection", {{"ERROR", Error{ec, "assign"}}});
      load_.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
    (void)client.release();  // the socket owns it now
    start(std::move(socket), origin);
  });
}

void Worker::start(tcp::socket client, Origin origin) {
  auto driver = std::make_unique<ConnectionDriver>(this, std::move(client), origin);
  asio::co_spawn(context_, own_and_run(std::move(driver)), [](std::exception_ptr problem) {
    log_unhandled(std::move(problem), "connection");
  });
}

asio::awaitable<void> Worker::tick_loop() {
  const auto period = tick_of(settings_.deadlines);
  while (!is_stopping_ || !drivers_.empty()) {
    tick_.expires_after(is_draining_ ? std::min(period, kDrainTick) : period);
    (void)co_await tick_.async_wait(kTuple);
    const auto now = Clock::now();
    for (auto* driver : std::vector<ConnectionDriver*>(drivers_)) {
      driver->check_deadlines(now);
    }
    if (is_draining_) {
      end_idle(now);
    }
  }
}

void Worker::run() {
  asio::co_spawn(context_, tick_loop(),
                 [](std::exception_ptr problem) { log_unhandled(std::move(problem), "tick"); });
  context_.run();
}

void Worker::end_idle(Clock::time_point now) {
  for (auto* driver : std::vector<ConnectionDriver*>(draining_)) {
    driver->end_if_idle(now);
  }
}

void Worker::drain(std::function<void()> on_empty) {
  asio::post(context_, [this, on_empty = std::move(on_empty)]() mutable {
    is_draining_ = true;
    draining_ = drivers_;
    on_empty_ = std::move(on_empty);
    end_idle(Clock::now());
    tick_.cancel();  // its period is another one now
    tell_if_drained();
  });
}

void Worker::end_drained() {
  asio::post(context_, [this] {
    for (auto* driver : std::vector<ConnectionDriver*>(draining_)) {
      driver->end_now();
    }
  });
}

void Worker::stop(std::chrono::milliseconds grace) {
  asio::post(context_, [this, grace] {
    is_stopping_ = true;
    tick_.cancel();
    grace_.expires_after(grace);
    grace_.async_wait([this](boost::system::error_code) {
      for (auto* driver : std::vector<ConnectionDriver*>(drivers_)) {
        driver->end_now();
      }
    });
    leave_if_done();
  });
}

// A name lookup that nobody waits for any more is still work to the context, and a name server
// that is away can make it last for a minute: run() does not wait for that.
void Worker::leave_if_done() {
  if (is_stopping_ && drivers_.empty()) {
    grace_.cancel();
    tick_.cancel();
    asio::post(context_, [this] { context_.stop(); });
  }
}

void Worker::on_ended(ConnectionDriver* driver) {
  std::erase(drivers_, driver);
  std::erase(draining_, driver);
  load_.fetch_sub(1, std::memory_order_relaxed);
  tell_if_drained();
  leave_if_done();
}

void Worker::tell_if_drained() {
  if (draining_.empty() && on_empty_) {
    const auto tell = std::exchange(on_empty_, nullptr);
    tell();
  }
}

// A receiver that is slow holds one read of each direction at most, so the size of a read bounds
// what waits: down to a sixteenth above the budget.
std::size_t Worker::read_size() const {
  const auto buffered = counters_->buffered_bytes.load(std::memory_order_relaxed);
  if (buffered < settings_.max_buffered_bytes / 2) {
    return receive_.size();
  }
  return buffered < settings_.max_buffered_bytes ? receive_.size() / 4 : receive_.size() / 16;
}

bool Worker::is_over_budget() const {
  return counters_->buffered_bytes.load(std::memory_order_relaxed) >= settings_.max_buffered_bytes;
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
      log::warning("client refused our certificate",
                   {{"SNI", report.host}, {"ERROR", report.detail}});
      break;
    case Kind::client_failed:
      count(counters_->client_failed);
      log::warning("client broke the handshake, its connection is closed",
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
    case Kind::request_blocked:
      count(counters_->requests_blocked);
      log::notice("request blocked by policy",
                  {{"SNI", report.host}, {"REQUEST", report.detail}, {"RULE", report.rule}});
      break;
    case Kind::request_refused:
      count(counters_->requests_refused);
      log::warning("request refused: its form is ambiguous, or it breaks a limit",
                   {{"SNI", report.host}, {"REQUEST", report.detail}, {"ERROR", report.rule}});
      break;
    case Kind::request_rewritten:
      count(counters_->requests_rewritten);
      log::debug("request changed by policy",
                 {{"SNI", report.host}, {"REQUEST", report.detail}, {"RULE", report.rule}});
      break;
    case Kind::reply_refused:
      count(counters_->replies_refused);
      log::warning("reply refused: its form is ambiguous, or it breaks a limit",
                   {{"SNI", report.host}, {"REQUEST", report.detail}, {"ERROR", report.rule}});
      break;
  }
  if (hooks_.on_report) {
    hooks_.on_report(report);
  }
}

}  // namespace agp::io
