#include "daemon/ls/source_choice.h"

#include "daemon/ls/errors.h"

#include <algorithm>

namespace agp::ls {
namespace {

constexpr std::size_t kMaxInstances = 16;
constexpr unsigned kMaxBreaks = 3;

LiveSource after(LiveSource source) {
  return source == LiveSource::agent_state ? LiveSource::reactive : LiveSource::poll;
}

bool is_refusal(const Error& error) {
  return error.code == Errc::unimplemented || error.code == Errc::disabled;
}

/// The stream did not do what streams do. Other errors are about the conversation, the login or
/// the caller.
bool is_break(const Error& error) {
  return error.code == Errc::bad_answer || error.code == Errc::too_large ||
         error.code == Errc::unreachable || error.code == Errc::internal ||
         error.code == Errc::unknown || error.code == Errc::invalid_argument;
}

}  // namespace

LiveSource SourceChoice::source(std::string_view instance) const {
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& each) { return each.instance == instance; });
  return found == known_.end() ? LiveSource::agent_state : found->source;
}

bool SourceChoice::on_failed(const std::string& instance, LiveSource source, const Error& error) {
  const bool is_no_good = is_refusal(error);
  if (source == LiveSource::poll || (!is_no_good && !is_break(error))) {
    return false;
  }
  auto found = std::find_if(known_.begin(), known_.end(),
                            [&](const Known& each) { return each.instance == instance; });
  if (found == known_.end()) {
    if (known_.size() == kMaxInstances) {
      known_.pop_front();
    }
    found = known_.insert(known_.end(), Known{instance});
  }
  if (found->source != source) {
    return found->source > source;  // another turn was faster
  }
  if (!is_no_good && ++found->breaks < kMaxBreaks) {
    return false;
  }
  found->source = after(source);
  found->breaks = 0;
  return true;
}

void SourceChoice::on_worked(std::string_view instance, LiveSource source) {
  for (Known& each : known_) {
    if (each.instance == instance && each.source == source) {
      each.breaks = 0;
    }
  }
}

}  // namespace agp::ls
