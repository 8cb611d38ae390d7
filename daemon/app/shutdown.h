#pragma once

#include "daemon/api/http_server.h"
#include "daemon/app/interception.h"
#include "daemon/app/language_server.h"
#include "daemon/app/readiness.h"
#include "daemon/app/stop_order.h"
#include "daemon/ledger/ledger.h"

#include <chrono>
#include <functional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

namespace agp::app {

/// How the daemon goes, in the order of StopOrder: because SIGTERM or SIGINT came, or by itself.
/// All methods on the thread of `control`.
class Shutdown {
 public:
  /// Everything pointed to outlives the object.
  struct Parts {
    boost::asio::io_context* control = nullptr;
    std::chrono::milliseconds drain_timeout{};
    Readiness* readiness = nullptr;
    Interception* interception = nullptr;
    api::HttpServer* http = nullptr;
    LanguageServer* language_server = nullptr;
    ledger::Ledger* ledger = nullptr;
    std::function<bool()> has_bus;   // without it no language server can be stopped
    std::function<void()> on_begin;  // the first word of it, streams still live
    std::function<void()> on_end;    // the last one: no record comes any more, all are written
  };

  explicit Shutdown(Parts parts);

  /// Waits for signals from now on.
  void await_signal();
  /// The daemon cannot do its work any more.
  void begin() { begin(order_.on_own_accord()); }
  void on_ls_stopped() { carry_out(order_.on_ls_stopped()); }
  [[nodiscard]] bool is_stopping() const { return order_.is_stopping(); }

 private:
  void on_signal();
  void begin(StopOrder::Step first);
  void carry_out(StopOrder::Step step);
  void end_old();
  void drain();
  void limit_drain(std::function<void()> on_limit);
  void tell_overdue();
  void finish();
  void end();

  Parts parts_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer drain_limit_;
  boost::asio::steady_timer goodbye_limit_;
  StopOrder order_;
};

}  // namespace agp::app
