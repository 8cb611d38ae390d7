#include "daemon/ls/turn_core.h"

#include "daemon/ls/errors.h"
#include "daemon/ls/json_path.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace agp::ls {
namespace {

constexpr std::string_view kTypePrefix = "CORTEX_STEP_TYPE_";
constexpr std::string_view kStatusPrefix = "CORTEX_STEP_STATUS_";
constexpr std::string_view kRunPrefix = "CASCADE_RUN_STATUS_";
constexpr std::string_view kStopPrefix = "STOP_REASON_";
constexpr std::size_t kMaxResponses = 1000;  // of one turn

std::string without(std::string_view prefix, std::string text) {
  if (std::string_view(text).starts_with(prefix)) {
    text.erase(0, prefix.size());
  }
  return text;
}

bool is_final(std::string_view status) {
  return status == "DONE" || status == "ERROR" || status == "CANCELED" || status == "CLEARED" ||
         status == "INVALID" || status == "INTERRUPTED";
}

/// Of the two texts of an answer the modified one is what the user is meant to see.
std::string answer_text(const boost::json::object& planner) {
  std::string text = text_at(planner, "modifiedResponse");
  return text.empty() ? text_at(planner, "response") : text;
}

/// The friendly text; the full one quotes requests and headers and is nobody's business.
std::string error_text(const boost::json::object& details) {
  for (const char* key : {"userErrorMessage", "shortError", "modelErrorMessage"}) {
    if (std::string text = text_at(details, key); !text.empty()) {
      return text;
    }
  }
  return "the language server gave no reason";
}

bool has_tool_calls(const boost::json::object& planner) {
  const auto* calls = array_at(planner, "toolCalls");
  return calls != nullptr && !calls->empty();
}

/// A list element, where count_at() has no key. Zero is written out there.
std::optional<std::uint64_t> number_of(const boost::json::value& value) {
  boost::system::error_code ec;
  const auto number = value.to_number<std::uint64_t>(ec);
  return ec ? std::nullopt : std::optional(number);
}

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

/// One look at the trajectory, reduced to what decides.
struct TurnCore::Seen {
  std::string run_status;
  std::string termination;
  std::string last_status;     // of the last step
  std::string planner_status;  // of the model's last answer, empty while there is none
  std::string stop_reason;
  std::string waiting_type;          // of a step that waits for the user
  std::optional<std::string> error;  // the last thing the model's side said is this error
  std::string text;
  std::string model;
  bool planner_wants_tools = false;
  bool is_complete = true;  // all steps that exist were in the answer
  bool has_model_step = false;

  void add(const boost::json::object& step);

 private:
  void add_planner(const boost::json::object& step);
  void add_text(const std::string& more) {
    if (!more.empty()) {
      text += (text.empty() ? "" : "\n\n") + more;
    }
  }
};

void TurnCore::Seen::add(const boost::json::object& step) {
  const std::string type = without(kTypePrefix, text_at(step, "type"));
  last_status = without(kStatusPrefix, text_at(step, "status"));
  if (last_status == "WAITING") {
    waiting_type = type;
  }
  if (type == "PLANNER_RESPONSE") {
    add_planner(step);
  } else if (type == "ERROR_MESSAGE") {
    has_model_step = true;
    const auto* message = object_at(step, "errorMessage");
    const auto* details = message == nullptr ? nullptr : object_at(*message, "error");
    error = details == nullptr ? "the language server gave no reason" : error_text(*details);
  } else if (type == "NOTIFY_USER") {
    // In agentic mode the answer may be here and nowhere else.
    has_model_step = true;
    if (const auto* notify = object_at(step, "notifyUser")) {
      add_text(text_at(*notify, "notificationContent"));
    }
  }
}

void TurnCore::Seen::add_planner(const boost::json::object& step) {
  has_model_step = true;
  error.reset();  // answered after all: an earlier error was retried
  planner_status = last_status;
  static const boost::json::object kEmpty;
  const auto* payload = object_at(step, "plannerResponse");
  const boost::json::object& planner = payload == nullptr ? kEmpty : *payload;
  stop_reason = without(kStopPrefix, text_at(planner, "stopReason"));
  planner_wants_tools = has_tool_calls(planner);
  if (planner_wants_tools) {
    text.clear();  // what was said before a tool was used is not the answer
  } else {
    add_text(answer_text(planner));
  }
  if (const auto* failure = object_at(step, "error"); failure != nullptr && !failure->empty()) {
    error = error_text(*failure);
  } else if (stop_reason == "ERROR" || stop_reason == "CLIENT_STREAM_ERROR" ||
             planner_status == "ERROR") {
    error = "the model's answer broke off";
  }
}

TurnCore::TurnCore(std::size_t baseline, Limits limits, TimePoint now)
    : baseline_(baseline), limits_(limits), started_(now), changed_(now) {}

TurnCore::Verdict TurnCore::feed(std::string_view json, TimePoint now) {
  failed_polls_ = 0;
  boost::system::error_code ec;
  const boost::json::value root = boost::json::parse({json.data(), json.size()}, ec);
  const boost::json::object* object = ec ? nullptr : root.if_object();
  if (object == nullptr) {
    return fail({Errc::bad_answer, "GetCascadeTrajectory"});
  }
  if (const std::size_t hash = std::hash<std::string_view>{}(json); hash != last_hash_) {
    last_hash_ = hash;
    changed_ = now;
  }
  Seen seen;
  seen.run_status = without(kRunPrefix, text_at(*object, "status"));
  const boost::json::object* trajectory = object_at(*object, "trajectory");
  const boost::json::array* steps = nullptr;
  if (trajectory != nullptr) {
    if (std::string id = text_at(*trajectory, "trajectoryId"); !id.empty()) {
      result_.trajectory_id = std::move(id);
    }
    steps = array_at(*trajectory, "steps");
    note_responses(*trajectory);
    if (const auto* executors = array_at(*trajectory, "executorMetadatas");
        executors != nullptr && !executors->empty() && executors->back().is_object()) {
      seen.termination = text_at(executors->back().get_object(), "terminationReason");
    }
    if (const auto* generations = array_at(*trajectory, "generatorMetadata");
        generations != nullptr && !generations->empty() && generations->back().is_object()) {
      seen.model = text_at(generations->back().get_object(), "chatModel", "responseModel");
    }
  }
  const std::size_t count = steps == nullptr ? 0 : steps->size();
  seen.is_complete = count_at(*object, "numTotalSteps") <= count;
  for (std::size_t i = baseline_; i < count; ++i) {
    if (const auto* step = (*steps)[i].if_object()) {
      seen.add(*step);
    }
  }
  return decide(seen, now);
}

// Where response ids stand: ls-protocol section 5.4, K9.
void TurnCore::note_responses(const boost::json::object& trajectory) {
  const auto* steps = array_at(trajectory, "steps");
  for (std::size_t i = baseline_; steps != nullptr && i < steps->size(); ++i) {
    const auto* step = (*steps)[i].if_object();
    const auto* metadata = step == nullptr ? nullptr : object_at(*step, "metadata");
    if (metadata != nullptr) {
      note_response(text_at(*metadata, "modelUsage", "responseId"), i);
    }
  }
  const auto* generations = array_at(trajectory, "generatorMetadata");
  for (std::size_t i = 0; generations != nullptr && i < generations->size(); ++i) {
    const auto* generation = (*generations)[i].if_object();
    const auto* chat = generation == nullptr ? nullptr : object_at(*generation, "chatModel");
    if (chat == nullptr) {
      continue;
    }
    const auto* indices = array_at(*generation, "stepIndices");
    const auto step =
        indices == nullptr || indices->empty() ? std::nullopt : number_of(indices->front());
    if (!step || *step < baseline_) {
      continue;  // of an earlier turn, or not to be told from one
    }
    note_response(text_at(*chat, "usage", "responseId"), step);
    const auto* retries = array_at(*chat, "retryInfos");
    for (std::size_t j = 0; retries != nullptr && j < retries->size(); ++j) {
      if (const auto* retry = (*retries)[j].if_object()) {
        note_response(text_at(*retry, "usage", "responseId"), step);
      }
    }
  }
}

void TurnCore::note_response(std::string response_id, std::optional<std::uint64_t> step_index) {
  const bool is_known =
      std::any_of(responses_.begin(), responses_.end(),
                  [&](const NamedResponse& each) { return each.response_id == response_id; });
  if (!response_id.empty() && !is_known && responses_.size() < kMaxResponses) {
    responses_.push_back({std::move(response_id), step_index});
  }
}

TurnCore::Verdict TurnCore::decide(const Seen& seen, TimePoint now) {
  const bool is_idle = seen.run_status == "IDLE" || seen.run_status.empty();
  was_at_work_ = was_at_work_ || !is_idle || seen.has_model_step;
  if (!seen.waiting_type.empty()) {
    return fail({Errc::needs_user, "the model wants to use a tool (" + seen.waiting_type +
                                       ") that needs a confirmation in the IDE"});
  }
  if (!was_at_work_) {
    return now - started_ < limits_.begin
               ? Verdict::again
               : fail({Errc::no_answer,
                       "the message was accepted but nothing came of it; check that the IDE is "
                       "signed in and that the model may be used"});
  }
  if (!is_idle) {
    idle_since_.reset();
    return now - changed_ < limits_.idle
               ? Verdict::again
               : fail({Errc::stalled, "the language server is busy but nothing changes"});
  }
  const bool has_end = seen.error || (is_final(seen.planner_status) && !seen.planner_wants_tools) ||
                       (seen.planner_status.empty() && seen.has_model_step) ||
                       seen.termination == "EXECUTOR_TERMINATION_REASON_USER_CANCELED";
  if (has_end && is_final(seen.last_status) && seen.is_complete) {
    return conclude(seen);
  }
  idle_since_ = idle_since_.value_or(now);
  return now - *idle_since_ < limits_.grace ? Verdict::again : conclude(seen);
}

TurnCore::Verdict TurnCore::conclude(const Seen& seen) {
  if (seen.error) {
    return fail({Errc::model_failed, *seen.error});
  }
  if (seen.termination == "EXECUTOR_TERMINATION_REASON_USER_CANCELED" ||
      seen.stop_reason == "CLIENT_CANCELED" || seen.planner_status == "CANCELED") {
    return fail({Errc::canceled, "the turn was stopped by someone else"});
  }
  const bool is_whole = is_final(seen.planner_status) || seen.planner_status.empty();
  if (seen.text.empty() && !(is_whole && !seen.planner_wants_tools && seen.has_model_step)) {
    return fail({Errc::no_answer, "the language server became idle"});
  }
  result_.text = seen.text;
  result_.model = seen.model;
  result_.stop_reason = is_whole ? plain_stop_reason(seen.stop_reason) : "incomplete";
  return Verdict::done;
}

TurnCore::Verdict TurnCore::on_poll_failed(const Error& error, TimePoint) {
  return ++failed_polls_ < limits_.failed_polls ? Verdict::again : fail(error);
}

TurnCore::Verdict TurnCore::fail(Error error) {
  error_ = std::move(error);
  return Verdict::failed;
}

Result<std::size_t> step_count(std::string_view json) {
  boost::system::error_code ec;
  const boost::json::value root = boost::json::parse({json.data(), json.size()}, ec);
  const boost::json::object* object = ec ? nullptr : root.if_object();
  if (object == nullptr) {
    return Error{Errc::bad_answer, "GetCascadeTrajectory"};
  }
  const auto* trajectory = object_at(*object, "trajectory");
  const auto* steps = trajectory == nullptr ? nullptr : array_at(*trajectory, "steps");
  return std::max<std::size_t>(steps == nullptr ? 0 : steps->size(),
                               count_at(*object, "numTotalSteps"));
}

}  // namespace agp::ls
