#include "daemon/app/watchdog.h"

#include <utility>

#include <systemd/sd-daemon.h>

namespace agp::app {

Watchdog::Watchdog(boost::asio::io_context* context,
                   std::size_t workers,
                   std::function<void(const std::function<void()>&)> ask_all)
    : timer_(*context), workers_(workers), ask_all_(std::move(ask_all)) {
  std::uint64_t limit = 0;
  if (::sd_watchdog_enabled(/*unset_environment=*/1, &limit) > 0) {
    period_ = std::chrono::microseconds(limit / 4);
  }
  answers_ = workers_;
}

void Watchdog::start() {
  if (period_.count() > 0) {
    round();
  }
}

void Watchdog::stop() {
  timer_.cancel();
}

void Watchdog::round() {
  if (answers_.load() >= workers_) {
    answers_ = 0;
    (void)::sd_notify(0, "WATCHDOG=1");  // without a manager there is nobody to tell
    ask_all_([this] { answers_.fetch_add(1); });
  }
  timer_.expires_after(period_);
  timer_.async_wait([this](boost::system::error_code ec) {
    if (!ec) {
      round();
    }
  });
}

}  // namespace agp::app
