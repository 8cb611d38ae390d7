#pragma once

#include "common/base/result.h"

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::ls {

/// Lets the turns of one conversation in one after the other, in the order they came: what a
/// language server does with a message that comes while it works differs from build to build
/// (ls-protocol section 7, U23), and whose answer is whose could not be told. For one thread.
class TurnOrder {
 public:
  /// While it lives no other turn of its conversation is let in.
  class Place {
   public:
    Place() = default;
    Place(TurnOrder* order, std::string cascade_id)
        : order_(order), cascade_id_(std::move(cascade_id)) {}
    Place(Place&& other) noexcept
        : order_(std::exchange(other.order_, nullptr)), cascade_id_(std::move(other.cascade_id_)) {}
    Place& operator=(Place&& other) noexcept;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { leave(); }

   private:
    void leave();

    TurnOrder* order_ = nullptr;
    std::string cascade_id_;
  };

  /// @return Errc::busy when too many wait already; Errc::canceled when the caller
  ///         gave up meanwhile, provided that cancellation does not throw.
  [[nodiscard]] boost::asio::awaitable<Result<Place>> enter(std::string cascade_id);

  /// Conversations with a turn.
  [[nodiscard]] std::size_t size() const { return lines_.size(); }

 private:
  using Timer = boost::asio::steady_timer;  // never runs out: it is what one waits on
  using Line = std::deque<std::shared_ptr<Timer>>;

  void leave(const std::string& cascade_id, const Timer* who);

  std::map<std::string, Line> lines_;  // the first of each line is in
};

}  // namespace agp::ls
