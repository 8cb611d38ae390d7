#pragma once

#include "common/base/result.h"
#include "daemon/metrics/report.h"
#include "daemon/otlp/answer.h"
#include "daemon/otlp/queue.h"
#include "daemon/otlp/schedule.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::otlp {

/// Sends metrics to a receiver, and keeps what it could not send. All methods on the executor's one
/// thread.
class Exporter {
 public:
  struct Ports {
    /// A request with everything there is at this moment.
    std::function<std::string()> gather;
    std::function<boost::asio::awaitable<Result<Answer>>(std::string body)> post;
    /// 0 to 1.
    std::function<double()> random;
  };

  /// @param blocking  waits for the disk; its tasks end before this object does.
  /// @param queue     outlives this object.
  Exporter(boost::asio::any_io_executor executor,
           boost::asio::any_io_executor blocking,
           Ports ports,
           Queue* queue,
           std::chrono::milliseconds interval);

  void start();
  /// Sends no more. What is known now, and what has no answer yet, is kept for the next process.
  void stop();

  [[nodiscard]] metrics::Exports counts() const;
  /// Why the last attempt failed; empty: it did not.
  [[nodiscard]] std::string last_error() const;
  /// Why nothing arrives, once that is no passing trouble; empty: it does.
  [[nodiscard]] std::optional<std::string> problem() const;
  /// Why what cannot be sent is not kept; empty: it is, or there is nothing to keep.
  [[nodiscard]] std::optional<std::string> keep_problem() const;

 private:
  boost::asio::awaitable<void> run();
  boost::asio::awaitable<void> gather();
  boost::asio::awaitable<void> send_oldest();
  boost::asio::awaitable<Verdict::Kind> send(std::string body);
  void on_kept(const Result<>& kept);
  boost::asio::awaitable<void> pause(Schedule::Time until);

  boost::asio::any_io_executor executor_;
  boost::asio::any_io_executor blocking_;
  Ports ports_;
  Queue* queue_;
  Schedule schedule_;
  boost::asio::steady_timer timer_;
  metrics::Exports counts_;
  std::string last_failure_;
  std::optional<std::string> unanswered_;  // of a request that is in no file
  std::optional<std::string> not_kept_;    // what the disk said last; empty: it took it
  bool is_stopped_ = false;
};

}  // namespace agp::otlp
