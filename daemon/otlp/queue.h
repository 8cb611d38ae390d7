#pragma once

#include "common/base/result.h"
#include "daemon/usage/record.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace agp::otlp {

/// Requests that could not be sent, one file for each, in their order and over restarts. Bounded:
/// the oldest ones make room for newer ones. What lies there may be anything, and the disk may be
/// full; neither is more than a count. Thread-safe; waits for the disk.
class Queue {
 public:
  struct Item {
    std::uint64_t place = 0;
    std::string octets;
  };
  struct Counts {
    std::uint64_t waiting = 0;
    std::uint64_t waiting_bytes = 0;
    std::optional<usage::Micros> oldest_since;  // when the oldest of these came; empty: none waits
    // Given up since the start:
    std::uint64_t no_room = 0;
    std::uint64_t unwritable = 0;
    std::uint64_t unreadable = 0;
  };

  /// @param directory  of this queue alone; made when it is missing.
  /// @param limit      of all files together, in octets.
  Queue(std::string directory, std::uint64_t limit);

  /// Looks at what is there of before.
  [[nodiscard]] Result<> open();
  /// The end of the queue at this moment; does not wait for the disk.
  [[nodiscard]] std::uint64_t next_place() { return ++last_place_; }
  /// @param place  of next_place(), once.
  [[nodiscard]] Result<> push(std::string_view octets, std::uint64_t place);
  [[nodiscard]] Result<> push(std::string_view octets) { return push(octets, next_place()); }
  /// The oldest one; it stays until pop().
  [[nodiscard]] std::optional<Item> front();
  /// It is done with; nothing happens when it is gone already.
  void pop(std::uint64_t place);

  /// Does not wait for the disk.
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] std::uint64_t limit() const { return limit_; }

 private:
  struct Waiting {
    std::uint64_t size = 0;
    usage::Micros since{};
  };
  using Entries = std::map<std::uint64_t, Waiting>;  // by place

  [[nodiscard]] std::string file_of(std::uint64_t place) const;
  [[nodiscard]] std::string unfinished() const { return directory_ + "/unfinished"; }
  void add(std::uint64_t place, Waiting entry);
  void remove(Entries::iterator entry);
  void count();
  void make_room(std::uint64_t for_bytes);
  [[nodiscard]] Result<> write(std::string_view octets, std::uint64_t place) const;

  const std::string directory_;
  const std::uint64_t limit_;
  std::mutex mutex_;  // held while the disk is waited for
  Entries entries_;
  std::atomic<std::uint64_t> last_place_{0};
  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<std::uint64_t> waiting_bytes_{0};
  std::atomic<std::int64_t> oldest_since_{0};  // of those; since the epoch
  std::atomic<std::uint64_t> no_room_{0};
  std::atomic<std::uint64_t> unwritable_{0};
  std::atomic<std::uint64_t> unreadable_{0};
};

}  // namespace agp::otlp
