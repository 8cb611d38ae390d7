#pragma once

#include "daemon/ledger/ledger.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

namespace agp::api {

/// Which calls are those of one turn, and what is known of how many there must be.
struct TurnSpan {
  std::string cascade_id;
  usage::Micros since{};                  // no call of the turn began earlier
  std::vector<std::string> response_ids;  // answers that it is known to have had
  std::size_t answers = 0;                // calls that it has made at least
};

/// @return how many calls of the span are not among the records. Reads the disk.
[[nodiscard]] Result<std::size_t> missing_calls(ledger::Ledger& ledger,
                                                const TurnSpan& span,
                                                std::uint64_t calls);

/// What a turn cost, as it was measured on the wire. The language server may say that it is done a
/// moment before the meter has seen the end of the last answer, so the ledger is asked again
/// whenever a record was committed, until every call that is known of is there.
class TurnMeter : public std::enable_shared_from_this<TurnMeter> {
 public:
  struct Ports {
    boost::asio::io_context* io = nullptr;
    boost::asio::thread_pool* pool = nullptr;
    ledger::Ledger* ledger = nullptr;
  };
  /// Listens to the ledger from now on.
  static std::shared_ptr<TurnMeter> create(Ports ports);

  explicit TurnMeter(Ports ports) : ports_(ports) {}
  TurnMeter(const TurnMeter&) = delete;
  TurnMeter& operator=(const TurnMeter&) = delete;
  TurnMeter(TurnMeter&&) = delete;
  TurnMeter& operator=(TurnMeter&&) = delete;
  ~TurnMeter() = default;

  /// On the control worker. Calls that are still missing after `limit` count as calls of unknown
  /// usage.
  /// @return empty: nothing is known.
  static boost::asio::awaitable<std::optional<ledger::Sums>> measure(
      std::shared_ptr<TurnMeter> self, TurnSpan span, std::chrono::milliseconds limit);

 private:
  struct Answer {
    ledger::Sums sums;
    std::size_t missing = 0;
  };

  void on_commit();  // on the ledger's thread
  void wake_all();
  static boost::asio::awaitable<Result<Answer>> ask(ledger::Ledger* ledger,
                                                    const TurnSpan* span,
                                                    std::chrono::milliseconds limit);

  Ports ports_;
  std::atomic<std::size_t> asking_{0};
  std::atomic<bool> is_wake_posted_{false};
  std::uint64_t wakes_ = 0;
  std::list<boost::asio::steady_timer*> waiting_;
};

}  // namespace agp::api
