#include "daemon/ls/turn_report.h"

#include <algorithm>
#include <utility>

namespace agp::ls {

TurnReport::TurnReport(ConversationWatcher* watcher, std::string instance)
    : watcher_(watcher), instance_(std::move(instance)) {}

void TurnReport::begin(const std::string& cascade_id) {
  cascade_id_ = cascade_id;
  is_running_ = true;
  if (watcher_ != nullptr) {
    watcher_->on_conversation(instance_, cascade_id_);
    watcher_->on_running(instance_, cascade_id_, true);
  }
}

void TurnReport::see(const std::string& trajectory_id,
                     const std::vector<NamedResponse>& responses) {
  if (!trajectory_id.empty() && trajectory_id != trajectory_id_) {
    trajectory_id_ = trajectory_id;
    if (watcher_ != nullptr) {
      watcher_->on_trajectory(instance_, cascade_id_, trajectory_id_);
    }
  }
  if (responses.size() == responses_.size() &&
      (responses.empty() || responses.back() == responses_.back())) {
    return;  // nothing new, as with most looks
  }
  for (const NamedResponse& each : responses) {
    const bool is_known = std::any_of(
        responses_.begin(), responses_.end(),
        [&](const NamedResponse& known) { return known.response_id == each.response_id; });
    if (!is_known) {
      responses_.push_back(each);
    }
  }
}

void TurnReport::end() {
  if (!std::exchange(is_running_, false) || watcher_ == nullptr) {
    return;
  }
  for (const NamedResponse& each : responses_) {
    watcher_->on_response(cascade_id_, trajectory_id_, each);
  }
  watcher_->on_running(instance_, cascade_id_, false);
}

}  // namespace agp::ls
