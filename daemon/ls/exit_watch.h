#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <sys/types.h>

namespace agp::ls {

/// Tells the end of one process at once, by a pidfd: no polling, and no right over the process is
/// needed. All on the executor's one thread.
class ExitWatch {
 public:
  /// @param on_exit  called on the executor, once for each process that ends while watched.
  ExitWatch(boost::asio::any_io_executor executor, std::function<void()> on_exit);
  ~ExitWatch();
  ExitWatch(const ExitWatch&) = delete;
  ExitWatch& operator=(const ExitWatch&) = delete;

  /// Watches this process instead of the one before; the same one again changes nothing. One that
  /// has ended already counts as ending now.
  /// @param start_time  tells it from another process under the same pid.
  /// @return false where the kernel has no such descriptors: only looking helps then.
  bool watch(pid_t pid, std::uint64_t start_time, const std::string& proc = "/proc");
  void clear();

 private:
  struct Watched;

  void ended(const std::shared_ptr<Watched>& watched);

  boost::asio::any_io_executor executor_;
  std::function<void()> on_exit_;
  std::shared_ptr<Watched> watched_;
};

}  // namespace agp::ls
