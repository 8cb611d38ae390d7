#include "daemon/ls/source_choice.h"

#include "daemon/ls/errors.h"

#include <algorithm>

namespace agp::ls {
namespace {

constexpr std::size_t kMaxInstances = 16;
constexpr unsigned kMaxBreaks = 3;
constexpr auto kRest = std::chrono::minutes(5);

bool is_refusal(const Error& error) {
  return error.code == Errc::unimplemented || error.code == Errc::disabled;
}

/// The stream did not do what streams do. Other errors are about the conversation, the login or
/// the caller.
bool is_break(const Error& error) {
  return error.code == Errc::bad_answer || error.code == Errc::too_large ||
         error.code == Errc::unreachable || error.code == Errc::internal ||
         error.code == Errc::unknown || error.code == Errc::invalid_argument ||
         error.code == Errc::deadline_exceeded;
}

}  // namespace

LiveSource SourceChoice::source(std::string_view instance, TimePoint now) const {
  const Known* found = find(instance);
  for (const LiveSource each : {LiveSource::agent_state, LiveSource::reactive}) {
    if (found == nullptr || found->streams[static_cast<std::size_t>(each)].is_good(now)) {
      return each;
    }
  }
  return LiveSource::poll;
}

bool SourceChoice::on_failed(const std::string& instance,
                             LiveSource source,
                             const Error& error,
                             TimePoint now) {
  if (source == LiveSource::poll || (!is_refusal(error) && !is_break(error))) {
    return false;
  }
  Way& way = known(instance).streams[static_cast<std::size_t>(source)];
  if (is_refusal(error)) {
    way.is_refused = true;
  } else if (way.is_good(now) && ++way.breaks >= kMaxBreaks) {
    way.breaks = 0;
    way.rests_until = now + kRest;
  }
  return !way.is_good(now);
}

void SourceChoice::on_worked(std::string_view instance, LiveSource source) {
  for (Known& each : known_) {
    if (each.instance == instance && source != LiveSource::poll) {
      each.streams[static_cast<std::size_t>(source)].breaks = 0;
    }
  }
}

const SourceChoice::Known* SourceChoice::find(std::string_view instance) const {
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& each) { return each.instance == instance; });
  return found == known_.end() ? nullptr : &*found;
}

SourceChoice::Known& SourceChoice::known(const std::string& instance) {
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& each) { return each.instance == instance; });
  if (found != known_.end()) {
    return *found;
  }
  if (known_.size() == kMaxInstances) {
    known_.pop_front();
  }
  known_.push_back({instance, {}});
  return known_.back();
}

}  // namespace agp::ls
