#include "common/bus/pump.h"

#include "common/bus/compat.h"
#include "common/bus/errors.h"

#include <optional>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <poll.h>

namespace asio = boost::asio;

namespace agp::bus {

// Waits that are under way keep the state alive; `stopped` makes them return without effect.
struct Pump::State : std::enable_shared_from_this<Pump::State> {
  State(asio::any_io_executor e, sdbus::IConnection* c, std::function<void(Error)> closed)
      : executor(std::move(e)),
        connection(c),
        on_closed(std::move(closed)),
        bus(executor),
        event(executor),
        timer(executor) {}

  void drain();
  void arm();
  void wait_on(asio::posix::stream_descriptor& descriptor,
               asio::posix::stream_descriptor::wait_type type,
               bool& is_waiting);
  void fail(Error error);
  void release();

  asio::any_io_executor executor;
  sdbus::IConnection* connection;
  std::function<void(Error)> on_closed;
  asio::posix::stream_descriptor bus;    // borrowed: released, never closed
  asio::posix::stream_descriptor event;  // borrowed
  asio::steady_timer timer;
  bool waits_to_read = false;
  bool waits_to_write = false;
  bool waits_for_event = false;
  bool kicked = false;
  bool draining = false;
  bool stopped = true;
};

void Pump::State::drain() {
  if (stopped || draining) {
    return;
  }
  draining = true;
  try {
    while (!stopped && compat::process_one(*connection)) {
    }
  } catch (const sdbus::Error& error) {
    draining = false;
    fail(Error(Errc::disconnected, "bus connection: " + error.getMessage()));
    return;
  }
  draining = false;
  arm();
}

void Pump::State::arm() {
  if (stopped) {
    return;
  }
  compat::PollState wanted{};
  try {
    wanted = compat::poll_state(*connection);
  } catch (const sdbus::Error& error) {
    fail(Error(Errc::disconnected, "bus connection: " + error.getMessage()));
    return;
  }
  if (!bus.is_open()) {
    bus.assign(wanted.fd);
    if (wanted.event_fd >= 0) {
      event.assign(wanted.event_fd);
    }
  }
  using Wait = asio::posix::stream_descriptor::wait_type;
  // Readable is always watched: it is also how a closed connection shows.
  wait_on(bus, Wait::wait_read, waits_to_read);
  if ((wanted.events & POLLOUT) != 0) {
    wait_on(bus, Wait::wait_write, waits_to_write);
  }
  if (event.is_open()) {
    wait_on(event, Wait::wait_read, waits_for_event);
  }
  timer.cancel();
  if (wanted.timeout) {
    timer.expires_after(*wanted.timeout);
    timer.async_wait([self = shared_from_this()](boost::system::error_code ec) {
      if (!ec) {
        self->drain();
      }
    });
  }
}

void Pump::State::wait_on(asio::posix::stream_descriptor& descriptor,
                          asio::posix::stream_descriptor::wait_type type,
                          bool& is_waiting) {
  if (is_waiting) {
    return;
  }
  is_waiting = true;
  descriptor.async_wait(type,
                        [self = shared_from_this(), &is_waiting](boost::system::error_code ec) {
                          is_waiting = false;
                          if (!ec) {
                            self->drain();
                          }
                        });
}

void Pump::State::fail(Error error) {
  release();
  if (on_closed) {
    auto handler = std::exchange(on_closed, nullptr);
    handler(std::move(error));
  }
}

void Pump::State::release() {
  stopped = true;
  timer.cancel();
  if (bus.is_open()) {
    (void)bus.release();  // the connection owns the descriptor
  }
  if (event.is_open()) {
    (void)event.release();
  }
}

Pump::Pump(asio::any_io_executor executor,
           sdbus::IConnection* connection,
           std::function<void(Error)> on_closed)
    : state_(std::make_shared<State>(std::move(executor), connection, std::move(on_closed))) {}

Pump::~Pump() {
  stop();
}

void Pump::start() {
  state_->stopped = false;
  kick();
}

void Pump::kick() {
  if (state_->stopped || std::exchange(state_->kicked, true)) {
    return;
  }
  asio::post(state_->executor, [state = state_] {
    state->kicked = false;
    state->drain();
  });
}

void Pump::stop() {
  state_->on_closed = nullptr;
  if (!state_->stopped) {
    state_->release();
  }
}

}  // namespace agp::bus
