#pragma once

#include <chrono>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::app {

/// What the service manager is told of us; without one, nobody is.
class Readiness {
 public:
  /// @param state_dir  for the journal.
  Readiness(boost::asio::io_context* context, std::string state_dir);

  /// Tells after `limit` at the latest.
  void tell_within(std::chrono::milliseconds limit);
  /// Once; after that, and when stopping, nothing happens.
  void tell();
  [[nodiscard]] bool is_running() const { return is_told_ && !is_stopping_; }

  /// What `systemctl status` shows from now on, until the stop.
  /// @param line  one line of UTF-8.
  void show(const std::string& line);
  /// @param reserve  how long the stop may take.
  void tell_stopping(std::chrono::microseconds reserve, const std::string& line);
  void stop();

  /// Of a reload, as Type=notify-reload wants it, which systemd 252 does not have yet.
  static void tell_reloading();
  static void tell_reloaded();

 private:
  boost::asio::steady_timer limit_;
  std::string state_dir_;
  std::string shown_;
  bool is_told_ = false;
  bool is_stopping_ = false;
};

}  // namespace agp::app
