#include "daemon/app/readiness.h"

#include "common/log/log.h"

#include <cstdint>
#include <utility>

#include <systemd/sd-daemon.h>
#include <time.h>

namespace agp::app {
namespace {

void notify(const std::string& message) {
  (void)::sd_notify(0, message.c_str());  // without a manager there is nobody to tell
}

}  // namespace

Readiness::Readiness(boost::asio::io_context* context, std::string state_dir)
    : limit_(*context), state_dir_(std::move(state_dir)) {}

void Readiness::tell_within(std::chrono::milliseconds limit) {
  limit_.expires_after(limit);
  limit_.async_wait([this](boost::system::error_code ec) {
    if (!ec) {
      tell();
    }
  });
}

void Readiness::tell() {
  if (is_told_ || is_stopping_) {
    return;
  }
  is_told_ = true;
  limit_.cancel();
  notify("READY=1");
  log::info("ready", {{"VERSION", AGP_VERSION}, {"STATE_DIR", state_dir_}});
}

void Readiness::show(const std::string& line) {
  if (!is_stopping_ && line != shown_) {
    shown_ = line;
    notify("STATUS=" + line);
  }
}

void Readiness::tell_stopping(std::chrono::microseconds reserve, const std::string& line) {
  notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(reserve.count()) + "\nSTATUS=" + line);
}

void Readiness::stop() {
  is_stopping_ = true;
  limit_.cancel();
}

void Readiness::tell_reloading() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail for this clock
  const auto usec = static_cast<std::uint64_t>(now.tv_sec) * 1'000'000U +
                    static_cast<std::uint64_t>(now.tv_nsec) / 1'000U;
  notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(usec));
}

void Readiness::tell_reloaded() {
  notify("READY=1");
}

}  // namespace agp::app
