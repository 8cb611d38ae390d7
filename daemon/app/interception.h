#pragma once

#include "daemon/io/acceptor.h"
#include "daemon/io/listen_fds.h"
#include "daemon/io/worker.h"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace agp::app {

/// The workers, who accepts for them, and their threads.
class Interception {
 public:
  using MakeSurroundings = std::function<std::unique_ptr<relay::Surroundings>()>;

  /// @param workers  at least 1.
  Interception(std::size_t workers,
               const io::Settings& settings,
               std::size_t max_connections,
               const MakeSurroundings& make_surroundings,
               const io::Hooks& hooks);
  Interception(const Interception&) = delete;
  Interception& operator=(const Interception&) = delete;
  Interception(Interception&&) = delete;
  Interception& operator=(Interception&&) = delete;
  ~Interception();

  /// Takes the intercept and connect sockets. Call before start().
  [[nodiscard]] Result<> listen(io::Listeners& listeners);
  /// One port of the reverse mode. Call before start().
  [[nodiscard]] Result<> listen_reverse(UniqueFd listener, io::ReverseTarget target);
  void start();

  /// Of the connections that are open now lets live streams end by themselves, and ends what is
  /// idle. Others may come meanwhile; another call is for them too. Returns at once.
  /// @param on_empty  called on some worker's thread when none of them is left, if that ever is.
  void drain(std::function<void()> on_empty);

  /// Ends what is left of the connections that drain() was for. Returns at once.
  void end_drained();

  /// Who comes from now on waits in the backlog of whoever else holds the sockets.
  void stop_accepting();

  /// Lets live connections go on for `grace`, then ends them, and waits.
  void stop(std::chrono::milliseconds grace);

  /// Calls `each` once on every worker's own thread.
  void post_to_all(const std::function<void()>& each);

  /// Calls `task` on the thread of one worker; they are numbered in the order in which
  /// MakeSurroundings was called.
  void post_to(std::size_t worker, std::function<void()> task);

  [[nodiscard]] std::size_t size() const { return workers_.size(); }
  [[nodiscard]] const io::Counters& counters() const { return counters_; }

 private:
  io::Counters counters_;
  std::vector<std::unique_ptr<io::Worker>> workers_;
  std::unique_ptr<io::Acceptor> acceptor_;
  std::thread accepting_;
  std::vector<std::thread> threads_;
};

}  // namespace agp::app
