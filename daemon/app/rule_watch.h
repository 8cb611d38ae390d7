#pragma once

#include "daemon/app/helper_over_bus.h"
#include "daemon/bus/helper_client.h"
#include "daemon/ls/supervisor.h"

#include <chrono>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::app {

/// Has the redirect rules verified at times when no helper does so by itself: it notices when
/// another program removes rules, but only while it runs. Asking starts one.
class RuleWatch {
 public:
  /// Everything pointed to outlives the object.
  RuleWatch(boost::asio::any_io_executor executor,
            std::chrono::milliseconds every,
            bus::HelperClient* client,
            HelperOverBus* helper,
            const ls::Supervisor* supervisor)
      : timer_(std::move(executor)),
        every_(every),
        client_(client),
        helper_(helper),
        supervisor_(supervisor) {}

  /// Runs until stop(). Await it, once.
  [[nodiscard]] boost::asio::awaitable<void> run();
  /// The helper has gone: the next one keeps the rules in place as soon as somebody asks it.
  void on_helper_gone() { timer_.cancel(); }
  void stop();

 private:
  boost::asio::steady_timer timer_;
  std::chrono::milliseconds every_;
  bus::HelperClient* client_;
  HelperOverBus* helper_;
  const ls::Supervisor* supervisor_;
  bool is_stopping_ = false;
};

}  // namespace agp::app
