#include "daemon/otlp/schedule.h"

#include <algorithm>

namespace agp::otlp {

Schedule::Step Schedule::next(Time now, bool has_waiting) const {
  if (now >= gather_at_) {
    return {Task::gather, now};
  }
  if (!has_waiting) {
    return {Task::wait, gather_at_};
  }
  return may_send(now) ? Step{Task::send, now} : Step{Task::wait, std::min(gather_at_, send_at_)};
}

void Schedule::on_gathered(Time now) {
  gather_at_ += interval_;
  // Whoever was held up does not catch up: the values are cumulative.
  if (gather_at_ <= now) {
    gather_at_ = now + interval_;
  }
}

void Schedule::on_accepted() {
  failures_ = 0;
  send_at_ = {};
}

void Schedule::on_failure(Time now, std::optional<Duration> wish, double random) {
  auto pause = kFirstPause;
  for (unsigned i = 0; i < failures_ && pause < kLongestPause; ++i) {
    pause *= 2;
  }
  pause = std::min(pause, kLongestPause);
  ++failures_;
  const auto spread = std::chrono::duration_cast<Duration>(pause * (0.5 + random / 2));
  send_at_ = now + std::max(spread, wish.value_or(Duration{}));
}

}  // namespace agp::otlp
