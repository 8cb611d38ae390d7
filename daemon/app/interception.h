#pragma once

#include "daemon/io/listen_fds.h"
#include "daemon/io/worker.h"

#include <memory>
#include <thread>
#include <vector>

namespace agp::app {

/// The workers and their threads.
class Interception {
 public:
  using MakeSurroundings = std::function<std::unique_ptr<relay::Surroundings>()>;

  /// @param workers  at least 1.
  Interception(std::size_t workers,
               const io::Settings& settings,
               const MakeSurroundings& make_surroundings,
               const io::Hooks& hooks);
  Interception(const Interception&) = delete;
  Interception& operator=(const Interception&) = delete;
  Interception(Interception&&) = delete;
  Interception& operator=(Interception&&) = delete;
  ~Interception();

  /// Every worker accepts from every socket. Call before start().
  /// @return an error when descriptors cannot be duplicated.
  [[nodiscard]] Result<> listen(const io::Listeners& listeners);
  void start();

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
  std::vector<std::thread> threads_;
};

}  // namespace agp::app
