#include "daemon/ls/turn_follower.h"

#include "daemon/ls/errors.h"

#include <algorithm>

namespace agp::ls {
namespace {

constexpr std::size_t kMaxResponses = 1000;  // of one turn

std::string plain_stop_reason(const std::string& reason) {
  if (reason == "MAX_TOKENS") {
    return "max_tokens";
  }
  if (reason == "CONTENT_FILTER") {
    return "content_filter";
  }
  return "stop";
}

}  // namespace

TurnFollower::TurnFollower(std::size_t baseline, Limits limits, TimePoint now)
    : baseline_(baseline), limits_(limits), started_(now), changed_(now) {}

void TurnFollower::observe(const LiveState& state, bool is_news, TimePoint now) {
  if (is_over_) {
    return;
  }
  if (is_news) {
    changed_ = now;
  }
  if (!state.trajectory_id.empty()) {
    result_.trajectory_id = state.trajectory_id;
  }
  seen_ = reduce(state);
  if (!seen_.run_status.empty() && seen_.run_status != told_status_) {
    told_status_ = seen_.run_status;
    events_.push_back(RunStatusChanged{told_status_});
  }
  tell_steps(state);
  tell_responses(state);
  if (!is_behind()) {
    tell_text(seen_.text);
  }
  decide(now);
}

/// An answer only grows while it is being written. A look that has less of it is an older one, or
/// one of a source that leaves out what is not whole yet, as after a change of the source. One that
/// has nothing of it has come while the answer moves to a step of its own (NOTIFY_USER).
bool TurnFollower::is_behind() const {
  const bool may_be_less = !is_final(seen_.planner_status) || seen_.text.empty();
  return !seen_.planner_wants_tools && may_be_less && told_text_.starts_with(seen_.text);
}

void TurnFollower::on_time(TimePoint now) {
  if (!is_over_) {
    decide(now);
  }
}

std::optional<TurnFollower::TimePoint> TurnFollower::deadline() const {
  if (is_over_) {
    return std::nullopt;
  }
  if (!was_at_work_) {
    return started_ + limits_.begin;
  }
  return idle_since_ ? *idle_since_ + limits_.grace : changed_ + limits_.idle;
}

void TurnFollower::fail(Error error) {
  if (!is_over_) {
    is_over_ = true;
    error_ = std::move(error);
    events_.push_back(TurnFailed{error_});
  }
}

std::optional<TurnEvent> TurnFollower::next_event() {
  if (events_.empty()) {
    return std::nullopt;
  }
  TurnEvent out = std::move(events_.front());
  events_.pop_front();
  return out;
}

TurnFollower::Seen TurnFollower::reduce(const LiveState& state) const {
  Seen seen;
  seen.run_status = state.run_status;
  // The end of an earlier run is shown until this one has ended too.
  seen.was_canceled = state.end.reason == "USER_CANCELED" &&
                      state.end.last_step_index.value_or(baseline_) >= baseline_;
  seen.is_complete = state.is_complete;
  if (!state.generations.empty()) {
    seen.model = state.generations.back().model;
  }
  for (std::size_t i = baseline_; i < state.steps.size(); ++i) {
    seen.add(i, state.steps[i]);
  }
  return seen;
}

void TurnFollower::Seen::add(std::size_t index, const LiveStep& step) {
  last_status = step.status;
  if (step.status == "WAITING") {
    waiting = UserNeeded{index, step.type};
  }
  if (step.type == "PLANNER_RESPONSE") {
    has_model_step = true;
    planner_status = step.status;
    stop_reason = step.stop_reason;
    planner_wants_tools = step.wants_tools;
    error = step.error;  // none: answered after all, an earlier error was retried
    if (planner_wants_tools) {
      text.clear();  // what was said before a tool was used is not the answer
    } else {
      add_text(step.text);
    }
  } else if (step.type == "ERROR_MESSAGE") {
    has_model_step = true;
    error = step.error;
  } else if (step.type == "NOTIFY_USER") {
    has_model_step = true;
    add_text(step.text);
  }
}

void TurnFollower::Seen::add_text(const std::string& more) {
  if (!more.empty()) {
    text += (text.empty() ? "" : "\n\n") + more;
  }
}

void TurnFollower::tell_steps(const LiveState& state) {
  const std::size_t count = state.steps.size() > baseline_ ? state.steps.size() - baseline_ : 0;
  if (told_steps_.size() > count) {
    told_steps_.resize(count);  // reverted
  }
  for (std::size_t i = 0; i < count; ++i) {
    const LiveStep& step = state.steps[baseline_ + i];
    if (i == told_steps_.size()) {
      told_steps_.emplace_back();
    }
    auto& told = told_steps_[i];
    if (step.type.empty() || told == std::pair(step.type, step.status)) {
      continue;
    }
    const bool is_new = told.first.empty();
    told = {step.type, step.status};
    events_.push_back(StepChanged{baseline_ + i, step.type, step.status, is_new});
  }
}

void TurnFollower::tell_responses(const LiveState& state) {
  for (std::size_t i = baseline_; i < state.steps.size(); ++i) {
    tell_response(state.steps[i].response_id, i);
  }
  for (const Generation& generation : state.generations) {
    if (!generation.step_index || *generation.step_index < baseline_) {
      continue;  // of an earlier turn, or not to be told from one
    }
    for (const std::string& id : generation.response_ids) {
      tell_response(id, generation.step_index);
    }
  }
}

void TurnFollower::tell_response(const std::string& response_id,
                                 std::optional<std::uint64_t> step_index) {
  const bool is_known =
      std::any_of(responses_.begin(), responses_.end(),
                  [&](const NamedResponse& each) { return each.response_id == response_id; });
  if (!response_id.empty() && !is_known && responses_.size() < kMaxResponses) {
    responses_.push_back({response_id, step_index});
    events_.push_back(ResponseNamed{responses_.back()});
  }
}

void TurnFollower::tell_text(const std::string& text) {
  if (text == told_text_) {
    return;
  }
  if (text.starts_with(told_text_)) {
    events_.push_back(TextGrown{text.substr(told_text_.size())});
  } else {
    events_.push_back(TextRewritten{text});
  }
  told_text_ = text;
}

void TurnFollower::decide(TimePoint now) {
  const bool is_idle = seen_.run_status == "IDLE" || seen_.run_status.empty();
  was_at_work_ = was_at_work_ || !is_idle || seen_.has_model_step;
  if (seen_.waiting) {
    is_over_ = true;
    error_ = {Errc::needs_user, "the model wants to use a tool (" + seen_.waiting->type +
                                    ") that needs a confirmation in the IDE"};
    events_.push_back(*seen_.waiting);
    return;
  }
  if (!was_at_work_) {
    if (now - started_ >= limits_.begin) {
      fail({Errc::no_answer,
            "the message was accepted but nothing came of it; check that the IDE is signed in "
            "and that the model may be used"});
    }
    return;
  }
  if (!is_idle) {
    idle_since_.reset();
    if (now - changed_ >= limits_.idle) {
      fail({Errc::stalled, "the language server is busy but nothing changes"});
    }
    return;
  }
  const bool has_end = seen_.error ||
                       (is_final(seen_.planner_status) && !seen_.planner_wants_tools) ||
                       (seen_.planner_status.empty() && seen_.has_model_step) || seen_.was_canceled;
  if (has_end && is_final(seen_.last_status) && seen_.is_complete) {
    conclude();
    return;
  }
  idle_since_ = idle_since_.value_or(now);
  if (now - *idle_since_ >= limits_.grace) {
    conclude();
  }
}

void TurnFollower::conclude() {
  if (seen_.error) {
    fail({Errc::model_failed, *seen_.error});
    return;
  }
  if (seen_.was_canceled || seen_.stop_reason == "CLIENT_CANCELED" ||
      seen_.planner_status == "CANCELED") {
    fail({Errc::canceled, "the turn was stopped by someone else"});
    return;
  }
  const bool is_whole = is_final(seen_.planner_status) || seen_.planner_status.empty();
  if (seen_.text.empty() && told_text_.empty() &&
      !(is_whole && !seen_.planner_wants_tools && seen_.has_model_step)) {
    fail({Errc::no_answer, "the language server became idle"});
    return;
  }
  // What was told once is not taken back for an end that came before the last look.
  result_.text = is_behind() ? told_text_ : seen_.text;
  result_.model = seen_.model;
  result_.stop_reason = is_whole ? plain_stop_reason(seen_.stop_reason) : "incomplete";
  is_over_ = true;
  events_.push_back(TurnDone{result_.stop_reason});
}

}  // namespace agp::ls
