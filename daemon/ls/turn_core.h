#pragma once

#include "common/base/result.h"
#include "daemon/ls/conversation_watcher.h"
#include "daemon/ls/turn.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

namespace agp::ls {

/// Decides from one GetCascadeTrajectory answer after the other when a turn is over and what its
/// answer is. No socket, no clock: JSON and time come in.
///
/// A turn is over when the cascade is idle after having been seen at work (running, or a step of
/// the model's appeared), its last step is final and so is the model's last answer. Idle alone says
/// nothing: it shows briefly before a run starts, and may show before the last text has arrived.
class TurnCore {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Limits {
    Duration begin = std::chrono::seconds(30);  // accepted, but nothing ever starts
    Duration grace = std::chrono::seconds(5);   // idle, but the last text is not final yet
    Duration idle = std::chrono::minutes(5);    // running, but nothing changes
    unsigned failed_polls = 5;                  // in a row
  };

  enum class Verdict { again, done, failed };

  /// @param baseline  steps the conversation had before this turn: they are not its answer.
  TurnCore(std::size_t baseline, Limits limits, TimePoint now);

  /// One answer of GetCascadeTrajectory.
  [[nodiscard]] Verdict feed(std::string_view json, TimePoint now);

  /// GetCascadeTrajectory failed. A few failures in a row are tolerated.
  [[nodiscard]] Verdict on_poll_failed(const Error& error, TimePoint now);

  /// After `done`. Cascade id and requested model are the caller's to fill in.
  [[nodiscard]] const TurnResult& result() const { return result_; }
  /// The responses of this turn that the answers named so far, each once: those of the steps after
  /// the baseline, attempts that were retried included.
  [[nodiscard]] const std::vector<NamedResponse>& responses() const { return responses_; }
  /// After `failed`.
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  struct Seen;

  Verdict fail(Error error);
  Verdict decide(const Seen& seen, TimePoint now);
  Verdict conclude(const Seen& seen);
  void note_responses(const boost::json::object& trajectory);
  void note_response(std::string response_id, std::optional<std::uint64_t> step_index);

  std::size_t baseline_;
  Limits limits_;
  TimePoint started_;
  TimePoint changed_;
  std::optional<TimePoint> idle_since_;
  bool was_at_work_ = false;
  unsigned failed_polls_ = 0;
  std::size_t last_hash_ = 0;
  TurnResult result_;
  std::vector<NamedResponse> responses_;
  Error error_;
};

/// Steps that a conversation has now, from a GetCascadeTrajectory answer: the next turn's baseline.
[[nodiscard]] Result<std::size_t> step_count(std::string_view json);

}  // namespace agp::ls
