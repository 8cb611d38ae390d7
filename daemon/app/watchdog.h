#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::app {

/// Tells systemd that we live, for as long as every thread answers: a round asks all workers and
/// the next one reports only if all of them have answered. Does nothing without WatchdogSec=.
class Watchdog {
 public:
  /// @param ask_all  calls its argument once on each of `workers` threads.
  Watchdog(boost::asio::io_context* context,
           std::size_t workers,
           std::function<void(const std::function<void()>&)> ask_all);
  void start();
  void stop();

 private:
  void round();

  boost::asio::steady_timer timer_;
  std::chrono::microseconds period_{0};
  std::size_t workers_;
  std::function<void(const std::function<void()>&)> ask_all_;
  std::atomic<std::size_t> answers_{0};
};

}  // namespace agp::app
