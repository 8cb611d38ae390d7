#pragma once

#include "common/base/result.h"
#include "daemon/ls/conversation_watcher.h"
#include "daemon/ls/live_state.h"
#include "daemon/ls/turn.h"
#include "daemon/ls/turn_event.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agp::ls {

/// Decides from one look at a conversation after the other what a turn has to tell, when it is over
/// and what its answer is. Where the looks come from does not matter, and may change on the way.
///
/// A turn is over when the cascade is idle after having been seen at work (running, or a step of
/// the model's appeared), its last step is final and so is the model's last answer. Idle alone says
/// nothing: it shows briefly before a run starts, and may show before the last text has arrived.
class TurnFollower {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  struct Limits {
    Duration begin = std::chrono::seconds(30);  // accepted, but nothing ever starts
    Duration grace = std::chrono::seconds(5);   // idle, but the last text is not final yet
    Duration idle = std::chrono::minutes(5);    // running, but nothing changes
  };

  /// @param baseline  steps the conversation had before this turn: they are not its answer.
  TurnFollower(std::size_t baseline, Limits limits, TimePoint now);

  /// @param is_news  something in it differs from the look before; a message of a stream always is.
  void observe(const LiveState& state, bool is_news, TimePoint now);

  /// Time alone passed. Past deadline() this ends the turn.
  void on_time(TimePoint now);

  /// When the turn ends by itself unless something comes; none once it is over.
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  /// Ends the turn: it cannot be watched any longer.
  void fail(Error error);

  [[nodiscard]] std::optional<TurnEvent> next_event();
  /// Its last event is there to be taken, or was.
  [[nodiscard]] bool is_over() const { return is_over_; }
  [[nodiscard]] bool is_done() const { return is_over_ && !error_.code; }

  /// After TurnDone. Cascade id and requested model are the caller's to fill in; the trajectory id
  /// is there as soon as it was seen.
  [[nodiscard]] const TurnResult& result() const { return result_; }
  /// The responses of this turn named so far, each once, attempts that were retried included.
  [[nodiscard]] const std::vector<NamedResponse>& responses() const { return responses_; }
  /// After TurnFailed or UserNeeded.
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  struct Seen {
    std::string run_status;
    bool was_canceled = false;
    std::string last_status;     // of the last step
    std::string planner_status;  // of the model's last answer, empty while there is none
    std::string stop_reason;
    std::optional<UserNeeded> waiting;
    std::optional<std::string> error;  // the last thing the model's side said is this error
    std::string text;
    std::string model;
    bool planner_wants_tools = false;
    bool is_complete = true;
    bool has_model_step = false;

    void add(std::size_t index, const LiveStep& step);
    void add_text(const std::string& more);
  };

  [[nodiscard]] Seen reduce(const LiveState& state) const;
  void tell_steps(const LiveState& state);
  void tell_responses(const LiveState& state);
  void tell_response(const std::string& response_id, std::optional<std::uint64_t> step_index);
  void tell_text(const std::string& text);
  [[nodiscard]] bool is_behind() const;
  void decide(TimePoint now);
  void conclude();

  std::size_t baseline_;
  Limits limits_;
  TimePoint started_;
  TimePoint changed_;
  std::optional<TimePoint> idle_since_;
  bool was_at_work_ = false;
  bool is_over_ = false;
  Seen seen_;
  std::string told_status_;
  std::vector<std::pair<std::string, std::string>> told_steps_;  // type and status, from baseline
  std::string told_text_;
  std::deque<TurnEvent> events_;
  TurnResult result_;
  std::vector<NamedResponse> responses_;
  Error error_;
};

}  // namespace agp::ls
