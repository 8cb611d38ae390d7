#include "helper/rule_guard.h"

#include "common/log/log.h"

#include <chrono>
#include <utility>

namespace agp::helper {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

RuleGuard::RuleGuard(asio::io_context& io, std::function<void()> look)
    : look_(std::move(look)), readable_(io), timer_(io) {}

RuleGuard::~RuleGuard() {
  if (readable_.is_open()) {
    (void)readable_.release();  // the listener owns it
  }
}

void RuleGuard::start() {
  is_announced_ = os::is_iptables_announced();
  listen();
}

bool RuleGuard::hears() const {
  return is_announced_ && listener_.has_value();
}

void RuleGuard::update(bool keeps_rules) {
  keeps_rules_ = keeps_rules;
  watch_.set(keeps_rules_, hears(), Clock::now());
  arm();
}

void RuleGuard::listen() {
  auto opened = os::NetfilterListener::open();
  if (!opened) {
    if (!std::exchange(was_refused_, true)) {
      log::warning("changes of netfilter cannot be heard, looking at the rules every second",
                   {{"ERROR", opened.error()}});
    }
    return;
  }
  was_refused_ = false;
  listener_ = std::move(*opened);
  readable_.assign(listener_->fd());
  hear();
}

void RuleGuard::hear() {
  readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this](boost::system::error_code ec) {
                         if (ec) {
                           return;
                         }
                         const auto now = Clock::now();
                         switch (listener_->take()) {
                           case os::NetfilterListener::Heard::nothing:
                             break;
                           case os::NetfilterListener::Heard::change:
                             watch_.on_change(now);
                             break;
                           case os::NetfilterListener::Heard::overrun:
                             watch_.on_overrun(now);
                             break;
                           case os::NetfilterListener::Heard::broken:
                             (void)readable_.release();  // the listener owns it
                             listener_.reset();
                             watch_.on_overrun(now);
                             update(keeps_rules_);
                             return;
                         }
                         arm();
                         hear();
                       });
}

void RuleGuard::arm() {
  const auto due = watch_.due();
  if (!due) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(*due);
  timer_.async_wait([this](boost::system::error_code ec) {
    if (!ec) {
      look();
    }
  });
}

void RuleGuard::look() {
  if (!listener_) {
    listen();
  }
  // Alternatives of iptables are switched while we run.
  is_announced_ = os::is_iptables_announced();
  look_();
  watch_.on_looked(Clock::now());
  update(keeps_rules_);
}

}  // namespace agp::helper
