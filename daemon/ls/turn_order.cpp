#include "daemon/ls/turn_order.h"

#include "daemon/ls/errors.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace agp::ls {
namespace asio = boost::asio;
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxWaiting = 32;  // of one conversation

}  // namespace

asio::awaitable<Result<TurnOrder::Place>> TurnOrder::enter(std::string cascade_id) {
  if (const auto line = lines_.find(cascade_id);
      line != lines_.end() && line->second.size() > kMaxWaiting) {
    co_return Error{Errc::busy, "too many messages wait for this conversation"};
  }
  auto executor = co_await asio::this_coro::executor;
  auto mine = std::make_shared<Timer>(executor, Timer::time_point::max());
  lines_[cascade_id].push_back(mine);
  while (lines_[cascade_id].front() != mine) {
    auto [woken] = co_await mine->async_wait(kTuple);
    (void)woken;  // by who left, or by who cancels: told apart below
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      leave(cascade_id, mine.get());
      co_return Error{Errc::canceled, "the caller gave up"};
    }
  }
  co_return Place(this, std::move(cascade_id));
}

void TurnOrder::leave(const std::string& cascade_id, const Timer* who) {
  const auto found = lines_.find(cascade_id);
  Line& line = found->second;
  const bool was_in = who == nullptr || line.front().get() == who;
  if (was_in) {
    line.pop_front();
  } else {
    std::erase_if(line, [who](const auto& each) { return each.get() == who; });
  }
  if (line.empty()) {
    lines_.erase(found);
  } else if (was_in) {
    line.front()->cancel();
  }
}

TurnOrder::Place& TurnOrder::Place::operator=(Place&& other) noexcept {
  if (this != &other) {
    leave();
    order_ = std::exchange(other.order_, nullptr);
    cascade_id_ = std::move(other.cascade_id_);
  }
  return *this;
}

void TurnOrder::Place::leave() {
  if (TurnOrder* order = std::exchange(order_, nullptr)) {
    order->leave(cascade_id_, nullptr);
  }
}

}  // namespace agp::ls
