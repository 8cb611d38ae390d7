#include "daemon/app/shutdown.h"

#include "common/log/log.h"
#include "daemon/ls/supervisor.h"

#include <memory>
#include <utility>

#include <boost/asio/post.hpp>
#include <signal.h>

namespace agp::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kGoodbye = 5s;       // for turns to be cancelled, and readers of streams to be told
constexpr auto kStreamGrace = 1s;   // for what ends because the language server has stopped
constexpr auto kLedgerGrace = 10s;  // then what they cost must reach the disk
constexpr auto kStopReserve = 60s;  // language server and ledger, on top of the streams

}  // namespace

Shutdown::Shutdown(Parts parts)
    : parts_(std::move(parts)),
      signals_(*parts_.control, SIGTERM, SIGINT),
      drain_limit_(*parts_.control),
      goodbye_limit_(*parts_.control) {}

void Shutdown::await_signal() {
  signals_.async_wait([this](boost::system::error_code ec, int /*number*/) {
    if (!ec) {
      on_signal();
      await_signal();
    }
  });
}

void Shutdown::on_signal() {
  if (order_.is_asked_for()) {
    log::notice("stopping at once, a second signal asks for it");
    carry_out(order_.on_request());
    return;
  }
  const auto reserve = std::chrono::duration_cast<std::chrono::microseconds>(
      2 * parts_.drain_timeout + kStopReserve);
  parts_.readiness->tell_stopping(reserve,
                                  "stopping; live streams may end first (limits.drain_timeout)");
  begin(order_.on_request());
}

void Shutdown::begin(StopOrder::Step first) {
  if (first == StopOrder::Step::none) {
    return;  // it is at it
  }
  parts_.on_begin();
  carry_out(first);
}

void Shutdown::carry_out(StopOrder::Step step) {
  switch (step) {
    case StopOrder::Step::none:
      break;
    case StopOrder::Step::end_old:
      end_old();
      break;
    case StopOrder::Step::drain:
      drain();
      break;
    case StopOrder::Step::stop_ls:
      drain_limit_.cancel();
      parts_.http->stop();
      parts_.language_server->supervisor()->request_stop();
      break;
    case StopOrder::Step::finish:
      finish();
      break;
  }
}

// Whoever calls meanwhile is served: a turn that is under way may take several calls, and its next
// one must not wait for this process to be gone.
void Shutdown::end_old() {
  log::info("stopping, live streams may end",
            {{"OPEN", parts_.interception->counters().open.load()}});
  limit_drain([this] {
    const auto step = order_.on_old_ended();
    if (step != StopOrder::Step::none) {
      tell_overdue();
      parts_.interception->stop_accepting();  // who tries again is served by the next process
      parts_.interception->end_drained();
      carry_out(step);
    }
  });
  // The language server says that a turn is over a moment after its last stream has ended.
  const auto ended = [this, left = std::make_shared<int>(2)] {
    if (--*left == 0) {
      carry_out(order_.on_old_ended());
    }
  };
  parts_.interception->drain([this, ended] { asio::post(*parts_.control, ended); });
  parts_.http->drain(ended);
}

// What is dialled from here on waits in the backlog for the next process. The language server is
// stopped once those of its streams that are alive have ended, or had their time.
void Shutdown::drain() {
  const auto drained = [this] {
    return order_.on_drained(parts_.language_server->is_supervising() && parts_.has_bus());
  };
  parts_.interception->stop_accepting();
  limit_drain([this, drained] {
    const auto step = drained();
    if (step != StopOrder::Step::none) {
      tell_overdue();
      carry_out(step);  // which ends them, after the language server
    }
  });
  parts_.interception->drain(
      [this, drained] { asio::post(*parts_.control, [this, drained] { carry_out(drained()); }); });
}

void Shutdown::limit_drain(std::function<void()> on_limit) {
  drain_limit_.expires_after(parts_.drain_timeout);
  drain_limit_.async_wait([on_limit = std::move(on_limit)](boost::system::error_code ec) {
    if (!ec) {
      on_limit();
    }
  });
}

void Shutdown::tell_overdue() {
  log::notice("some are still under way at limits.drain_timeout, ending them",
              {{"OPEN", parts_.interception->counters().open.load()}});
}

// The language server is gone. Streams of usage end with an event, which takes a turn of `control`.
void Shutdown::finish() {
  drain_limit_.cancel();
  parts_.interception->stop_accepting();
  signals_.cancel();
  goodbye_limit_.expires_after(kGoodbye);
  goodbye_limit_.async_wait([this](boost::system::error_code) { end(); });
  parts_.http->stop([this] { goodbye_limit_.cancel(); });
}

// What is left of the language server's streams is counted and written.
void Shutdown::end() {
  parts_.interception->stop(kStreamGrace);
  if (!parts_.ledger->flush(kLedgerGrace)) {
    log::err("records lost: the ledger could not be written before the stop",
             {{"RECORDS", parts_.ledger->health().waiting}});
  }
  parts_.on_end();
}

}  // namespace agp::app
