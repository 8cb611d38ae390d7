#include "daemon/bus/orders.h"

#include "common/bus/errors.h"

#include <chrono>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::daemon_bus {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kPatience(45);  // a start is given 30 to answer
constexpr std::chrono::milliseconds kLook(100);
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

asio::awaitable<void> Orders::wait_for(std::function<bool()> is_settled) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  asio::steady_timer pause(executor_);
  while (!is_settled() && !is_ending_ && std::chrono::steady_clock::now() < end) {
    pause.expires_after(kLook);
    auto [ec] = co_await pause.async_wait(kTuple);
    if (ec) {
      co_return;
    }
  }
}

Answers::Text Orders::language_server(LanguageServerOrder order, api::Visibility who) {
  if (!ports_->order_language_server) {
    co_return Error(bus::Errc::failed, "there is no language server here");
  }
  ports_->order_language_server(order);
  const auto settled = [this] {
    return ports_->status().language_server.is_settled;
  };
  auto carried_out = wait_for(settled);
  co_await std::move(carried_out);
  auto answer = answers_->language_server(std::move(who));
  co_return co_await std::move(answer);
}

Answers::Text Orders::capture(bool wanted) {
  ports_->order_capture(wanted);
  const auto settled = [this] {
    return ports_->status().capture_is_settled;
  };
  auto carried_out = wait_for(settled);
  co_await std::move(carried_out);
  auto answer = answers_->capture();
  co_return co_await std::move(answer);
}

Answers::Text Orders::rotate_ca() {
  ports_->rotate_ca();
  const auto settled = [this] {
    return !ports_->ca().rotation;
  };
  auto carried_out = wait_for(settled);
  co_await std::move(carried_out);
  if (const auto problem = ports_->ca().problem; !problem.empty()) {
    co_return Error(bus::Errc::failed, "not replaced: " + problem);
  }
  auto answer = answers_->ca();
  co_return co_await std::move(answer);
}

Answers::Text Orders::reload_policy() {
  co_return ports_->reload_policy();
}

}  // namespace agp::daemon_bus
