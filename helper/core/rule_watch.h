#pragma once

#include <chrono>
#include <optional>

namespace agp::core {

/// When the rules are looked at while they shall be there. Time comes in; no rule is read here.
///
/// Whoever changes netfilter makes the kernel say so in bursts, hundreds of messages for a reload:
/// one look follows each burst, early in a long one, and never two within `pause`. A change of our
/// own is a burst like any other: the look that follows changes nothing, so nothing loops.
class RuleWatch {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::milliseconds;

  struct Pace {
    Duration quiet{20};       // a burst that was silent for so long is over
    Duration longest{100};    // one that goes on is not waited for
    Duration pause{200};      // between the end of a look and the next
    Duration unheard{750};    // between looks when nobody says that something changed
    Duration safety{10'000};  // between looks when somebody does
  };

  RuleWatch() = default;
  explicit RuleWatch(Pace pace) : pace_(pace) {}

  /// @param is_on   whether there are rules to be kept.
  /// @param hears   whether changes are announced.
  void set(bool is_on, bool hears, TimePoint now);
  /// Something in netfilter changed.
  void on_change(TimePoint now);
  /// Announcements were lost.
  void on_overrun(TimePoint now);
  /// A look has ended.
  void on_looked(TimePoint now);

  /// When the next look is due; nothing while there are no rules to be kept.
  [[nodiscard]] std::optional<TimePoint> due() const;

 private:
  Pace pace_;
  bool is_on_ = false;
  bool hears_ = false;
  bool is_urgent_ = false;
  std::optional<TimePoint> first_;  // of the changes that no look has seen yet
  TimePoint newest_;
  TimePoint looked_at_;
};

}  // namespace agp::core
