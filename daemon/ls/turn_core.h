#pragma once

#include "common/base/result.h"
#include "daemon/ls/conversation_watcher.h"
#include "daemon/ls/trajectory_reader.h"
#include "daemon/ls/turn.h"
#include "daemon/ls/turn_event.h"
#include "daemon/ls/turn_follower.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace agp::ls {

/// Watches a turn by GetCascadeTrajectory, answer by answer. When it is over, TurnFollower says. No
/// socket, no clock: JSON and time come in.
class TurnCore {
 public:
  using TimePoint = TurnFollower::TimePoint;
  using Duration = TurnFollower::Duration;

  struct Limits : TurnFollower::Limits {
    unsigned failed_polls = 5;  // in a row
  };

  enum class Verdict { again, done, failed };

  /// @param baseline  steps the conversation had before this turn: they are not its answer.
  TurnCore(std::size_t baseline, Limits limits, TimePoint now);

  /// One answer of GetCascadeTrajectory.
  [[nodiscard]] Verdict feed(std::string_view json, TimePoint now);

  /// GetCascadeTrajectory failed. A few failures in a row are tolerated.
  [[nodiscard]] Verdict on_poll_failed(const Error& error, TimePoint now);

  [[nodiscard]] std::optional<TurnEvent> next_event() { return follower_.next_event(); }

  /// See TurnFollower.
  [[nodiscard]] const TurnResult& result() const { return follower_.result(); }
  [[nodiscard]] const std::vector<NamedResponse>& responses() const {
    return follower_.responses();
  }
  [[nodiscard]] const Error& error() const { return follower_.error(); }

 private:
  [[nodiscard]] Verdict verdict() const;

  TrajectoryReader reader_;
  TurnFollower follower_;
  unsigned max_failed_polls_;
  unsigned failed_polls_ = 0;
};

/// Steps that a conversation has now, from a GetCascadeTrajectory answer: the next turn's baseline.
[[nodiscard]] Result<std::size_t> step_count(std::string_view json);

}  // namespace agp::ls
