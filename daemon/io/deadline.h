#pragma once

#include <chrono>
#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::io {

/// Cancels what waits on a socket once a point in time has come. For waits that are rare; the
/// deadlines of established connections are checked by the worker's tick.
class Deadline {
 public:
  /// @param socket  outlives this object.
  Deadline(boost::asio::ip::tcp::socket* socket, std::chrono::steady_clock::time_point until)
      : timer_(socket->get_executor(), until), state_(std::make_shared<State>(State{socket})) {
    timer_.async_wait([state = state_](boost::system::error_code ec) {
      if (!ec && state->socket != nullptr) {
        state->is_expired = true;
        boost::system::error_code ignored;  // a closed socket has nothing to cancel
        state->socket->cancel(ignored);
      }
    });
  }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  Deadline(Deadline&&) = delete;
  Deadline& operator=(Deadline&&) = delete;
  ~Deadline() { state_->socket = nullptr; }

  [[nodiscard]] bool is_expired() const { return state_->is_expired; }

 private:
  struct State {
    boost::asio::ip::tcp::socket* socket;
    bool is_expired = false;
  };
  boost::asio::steady_timer timer_;
  std::shared_ptr<State> state_;  // the handler may run after this object
};

}  // namespace agp::io
