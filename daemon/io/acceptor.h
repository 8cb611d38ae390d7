#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "daemon/io/worker.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include <poll.h>

namespace agp::io {

/// Accepts for all workers, on a thread of its own, and gives each connection to the worker that
/// has the fewest. One waiter per listening socket: no herd, no luck in the distribution, and one
/// place that knows when there is no room. While there is none the backlogs queue.
class Acceptor {
 public:
  struct Limits {
    std::size_t max_connections = 10'000;
    /// Descriptors that the process may have; 0: what RLIMIT_NOFILE says, asked each time.
    std::uint64_t descriptors = 0;
  };
  /// poll(2), by which it does all its waiting; another one only in tests.
  using Wait = std::function<int(pollfd*, nfds_t, int milliseconds)>;
  /// What each connection may need, and what the rest of the process keeps for itself.
  static constexpr std::uint64_t kDescriptorsPerConnection = 2;
  static constexpr std::uint64_t kReservedDescriptors = 96;

  /// @param workers, counters  outlive the acceptor; at least one worker.
  Acceptor(std::vector<Worker*> workers, Limits limits, Counters* counters, Wait wait = ::poll);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  Acceptor(Acceptor&&) = delete;
  Acceptor& operator=(Acceptor&&) = delete;
  ~Acceptor();

  /// Before run().
  [[nodiscard]] Result<> listen(UniqueFd listener, Origin origin);

  /// Runs until stop(); the listening sockets are then closed.
  void run();
  /// Thread-safe. Clients that come later wait in the backlog of whoever else holds the sockets,
  /// which is systemd.
  void stop();

 private:
  struct Listener {
    UniqueFd fd;
    Origin origin;
    bool is_v6 = false;
  };
  enum class Room { enough, connections, descriptors };

  [[nodiscard]] Room room() const;
  [[nodiscard]] std::size_t open() const;
  void accept_some(const Listener& listener);
  void give(UniqueFd client, const Listener& listener);
  void note_pause(Room why);
  void note_resume();

  std::vector<Worker*> workers_;
  Limits limits_;
  Counters* counters_;
  Wait wait_;
  UniqueFd wake_;
  std::vector<Listener> listeners_;
  std::atomic<bool> is_stopping_{false};
  bool is_paused_ = false;
  Clock::time_point last_said_{};
};

}  // namespace agp::io
