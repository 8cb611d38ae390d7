#include "daemon/api/turn_queue.h"

#include <utility>
#include <variant>

namespace agp::api {
namespace {

std::size_t size_of(const openai::TurnEvent& event) {
  if (const auto* more = std::get_if<openai::TextAppended>(&event)) {
    return more->text.size();
  }
  if (const auto* all = std::get_if<openai::TextReplaced>(&event)) {
    return all->text.size();
  }
  const auto* thought = std::get_if<openai::ReasoningAppended>(&event);
  return thought == nullptr ? 0 : thought->text.size();
}

// True when `event` only makes `last` longer.
bool join(openai::TurnEvent& last, const openai::TurnEvent& event) {
  if (const auto* more = std::get_if<openai::TextAppended>(&event)) {
    if (auto* text = std::get_if<openai::TextAppended>(&last)) {
      text->text += more->text;
      return true;
    }
    if (auto* text = std::get_if<openai::TextReplaced>(&last)) {
      text->text += more->text;
      return true;
    }
  }
  const auto* more = std::get_if<openai::ReasoningAppended>(&event);
  auto* thought = std::get_if<openai::ReasoningAppended>(&last);
  if (more == nullptr || thought == nullptr) {
    return false;
  }
  thought->text += more->text;
  return true;
}

bool is_text(const openai::TurnEvent& event) {
  return std::holds_alternative<openai::TextAppended>(event) ||
         std::holds_alternative<openai::TextReplaced>(event);
}

}  // namespace

void TurnQueue::push(const openai::TurnEvent& event) {
  if (has_overflown_ || bytes_ > limit_bytes_) {
    has_overflown_ = true;
    return;
  }
  if (std::holds_alternative<openai::TextReplaced>(event)) {
    std::erase_if(events_, is_text);
    bytes_ = 0;
    for (const auto& each : events_) {
      bytes_ += size_of(each);
    }
  }
  bytes_ += size_of(event);
  if (events_.empty() || !join(events_.back(), event)) {
    events_.push_back(event);
  }
}

std::vector<openai::TurnEvent> TurnQueue::take() {
  bytes_ = 0;
  return std::exchange(events_, {});
}

}  // namespace agp::api
