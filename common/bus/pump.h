#pragma once

#include "common/base/result.h"

#include <functional>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

namespace sdbus {
class IConnection;
}

namespace agp::bus {

/// Runs a bus connection on an Asio executor. All callbacks of the connection's objects and proxies
/// are called from that executor, one at a time: the executor must not run on several threads.
class Pump {
 public:
  /// @param connection outlives the pump.
  /// @param on_closed called at most once, when the bus connection broke; nothing is processed
  /// after.
  Pump(boost::asio::any_io_executor executor,
       sdbus::IConnection* connection,
       std::function<void(Error)> on_closed);
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;
  ~Pump();

  void start();

  /// Whoever queued output outside of a bus callback (a reply after a suspension, an asynchronous
  /// call) says so: such output has no other wake-up.
  void kick();

  /// Stops watching. Callbacks already running end normally; no other comes.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace agp::bus
