#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

/// Callers who could not be told apart, or gave a key that is none: counted, and limited by where
/// they come from. A core: time comes in.
namespace agp::api {

class FailedCallers {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Limits {
    unsigned burst = 20;                        // failures that are answered with their reason
    Duration refill = std::chrono::seconds(3);  // one more is, after so long
    std::size_t peers = 1024;                   // that are kept in mind
  };
  enum class Reason {
    unidentified,  // no key, and the kernel does not know the user
    unknown_key,   // the same with a key that is none
    refused,       // known, and not allowed
  };
  struct Counts {
    std::uint64_t unidentified = 0;
    std::uint64_t unknown_key = 0;
    std::uint64_t refused = 0;
    std::uint64_t limited = 0;  // of these, those that came too fast

    friend bool operator==(const Counts&, const Counts&) = default;
  };

  FailedCallers() = default;
  explicit FailedCallers(Limits limits) : limits_(limits) {}

  /// Asked after a failure only: whoever has a right key, or is known, is never kept waiting by
  /// what others do at the same address.
  /// @param peer  where it came from: one text for each address.
  /// @return how long to wait before the next attempt; zero while there were few.
  [[nodiscard]] std::chrono::seconds on_failure(const std::string& peer,
                                                Reason reason,
                                                TimePoint now);

  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  void count(Reason reason);
  void make_room(TimePoint now);

  Limits limits_;
  Counts counts_;
  /// When the last failure of each peer will be forgotten: a leaky bucket in one number.
  std::map<std::string, TimePoint> until_;
};

}  // namespace agp::api
