#include "daemon/app/rule_watch.h"

#include "common/log/log.h"

#include <chrono>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kHelperPause = 1s;  // whoever stops the helper for good stops us as well
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

asio::awaitable<void> RuleWatch::run() {
  while (!is_stopping_) {
    timer_.expires_after(every_);
    auto [ec] = co_await timer_.async_wait(kTuple);
    if (ec && !is_stopping_) {
      // The helper is gone. A moment, so that whoever takes it away for good has the time.
      timer_.expires_after(kHelperPause);
      auto [again] = co_await timer_.async_wait(kTuple);
      (void)again;  // it went away twice
    }
    if (is_stopping_) {
      co_return;
    }
    if (!supervisor_->is_capturing() || supervisor_->lifecycle().is_released()) {
      continue;  // the life cycle is at it, or nobody wants it
    }
    const auto told = helper_->repairs().count;
    auto mended = co_await client_->ensure_redirect();
    if (!mended) {
      log::err("redirect rules cannot be verified", {{"ERROR", mended.error()}});
    } else if (*mended && helper_->repairs().count == told) {
      helper_->on_redirect_repaired({});
      log::warning("redirect rules had been removed while no helper ran, put back");
    }
  }
}

void RuleWatch::stop() {
  is_stopping_ = true;
  timer_.cancel();
}

}  // namespace agp::app
