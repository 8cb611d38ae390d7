#pragma once

#include <chrono>
#include <optional>

namespace agp::quota {

/// When to look at the quota without being asked. Only calls use it up, so only they make a look
/// worth its question: one a moment after the first of them, when it has been charged, then one
/// each `every` while they go on, and one after the last. Looks that somebody else asks for count.
class Pace {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  /// @param every  0: never by itself.
  explicit Pace(Duration every) : every_(every) {}

  /// A call of this login was measured.
  void on_call(Time now);
  /// The language server is asked, whatever comes of it.
  void on_look(Time now);
  /// It has answered.
  void on_answer(Time now);

  /// Empty: not before the next call.
  [[nodiscard]] std::optional<Time> next() const;

 private:
  [[nodiscard]] Duration charged() const;

  Duration every_;
  std::optional<Time> first_;  // the oldest call that no answer is known to include
  Time last_{};                // the newest call
  std::optional<Time> looked_;
};

}  // namespace agp::quota
