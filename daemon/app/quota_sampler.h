#pragma once

#include "daemon/ledger/ledger.h"
#include "daemon/ls/quota_reader.h"
#include "daemon/quota/pace.h"
#include "daemon/quota/sample.h"

#include <chrono>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::app {

/// What is known of a reading, as samples; nothing for a login that nobody is known to own.
[[nodiscard]] std::vector<quota::Sample> samples_of(const ls::QuotaReading& reading);

/// Keeps what the language server says of quotas, whoever asked, and asks at its own gentle pace.
/// All methods on the executor's one thread.
class QuotaSampler {
 public:
  /// @param ledger  outlives the sampler.
  /// @param every   0: it never asks by itself.
  QuotaSampler(boost::asio::any_io_executor executor,
               ledger::Ledger* ledger,
               std::chrono::milliseconds every);

  /// From now on this one is asked; it outlives the sampler.
  void ask(ls::QuotaReader* reader) { reader_ = reader; }

  /// A call was measured that can use up the quota of the login.
  void on_call();
  void on_answer(const ls::QuotaReading& reading);
  /// Asks no more.
  void stop();

 private:
  void arm();
  boost::asio::awaitable<void> look();

  boost::asio::steady_timer timer_;
  ledger::Ledger* ledger_;
  ls::QuotaReader* reader_ = nullptr;
  quota::Pace pace_;
  bool is_stopped_ = false;
};

}  // namespace agp::app
