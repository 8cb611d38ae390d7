#pragma once

#include <chrono>
#include <optional>

/// When metrics are gathered, and when a receiver is asked again; without a clock.
namespace agp::otlp {

class Schedule {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  using Duration = Clock::duration;

  static constexpr Duration kFirstPause = std::chrono::seconds(1);
  static constexpr Duration kLongestPause = std::chrono::minutes(2);

  /// The first gathering is one interval after `start`.
  Schedule(Time start, Duration interval) : interval_(interval), gather_at_(start + interval) {}

  enum class Task { wait, gather, send };
  struct Step {
    Task task;
    Time until;  // of a wait
  };
  /// @param has_waiting  requests of before are to be sent.
  [[nodiscard]] Step next(Time now, bool has_waiting) const;

  /// The receiver may be asked, as far as its last answers say.
  [[nodiscard]] bool may_send(Time now) const { return now >= send_at_; }

  void on_gathered(Time now);
  void on_accepted();
  /// The pause grows with every failure.
  /// @param wish    the receiver's own, which is kept where it is longer.
  /// @param random  0 to 1: many programs that lost one receiver do not come back at once.
  void on_failure(Time now, std::optional<Duration> wish, double random);

  /// In a row.
  [[nodiscard]] unsigned failures() const { return failures_; }

 private:
  Duration interval_;
  Time gather_at_;
  Time send_at_{};
  unsigned failures_ = 0;
};

}  // namespace agp::otlp
