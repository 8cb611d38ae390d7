#pragma once

#include <cstdint>
#include <unordered_map>

#include <sys/types.h>

namespace agp::ls {

/// Which processes need not be looked at again, so that a look each second costs little. A core.
///
/// A process is known by its pid and the inode number of its directory in /proc. The kernel makes
/// that number anew for each process, as the start time is new, but it comes with the directory's
/// listing and costs no file. Source: fs/proc/base.c, proc_pid_make_inode, proc_fill_cache.
class ProcessMemory {
 public:
  enum class Verdict {
    unrelated,  // another program
    unsettled,  // no command line yet: it starts, or ends, just now
    related,    // a session, or something that may still become one
  };
  /// Between fork and exec a process looks like its parent: so often an unrelated one is looked at
  /// before that is believed.
  static constexpr unsigned kLooksToSettle = 3;
  /// A program may still replace itself later on, so one look in so many is taken at each.
  static constexpr unsigned kLooksBetween = 16;

  void begin_look();
  /// Whether this process must be read now. Call it once for each process and look.
  [[nodiscard]] bool needs_look(pid_t pid, std::uint64_t inode);
  /// What came out; only after needs_look() said yes.
  void judged(pid_t pid, Verdict verdict);
  /// Forgets the processes that this look did not meet.
  void end_look();
  [[nodiscard]] std::size_t size() const { return known_.size(); }

 private:
  struct Known {
    std::uint64_t inode = 0;
    std::uint64_t met_in = 0;
    unsigned looks_unrelated = 0;
  };

  std::unordered_map<pid_t, Known> known_;
  std::uint64_t look_ = 0;
};

}  // namespace agp::ls
