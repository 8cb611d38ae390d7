#include "daemon/usage/interactions_reader.h"

#include "daemon/usage/derive.h"
#include "daemon/usage/text.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

namespace agp::usage {
namespace {

enum Counts : std::size_t { kInput, kCached, kOutput, kThought, kToolUse, kTotal };
enum Lists : std::size_t { kInputList, kOutputList, kCachedList, kGroundingList };
enum Scopes : std::size_t { kEvent, kInteraction, kStep };
enum Notes : std::size_t { kStepType, kStepName };

const FieldTable& table() {
  using K = FieldKind;
  using S = Snapshot;
  static const FieldTable fields(
      {
          {"event_type", K::word, S::kType},
          {"id", K::id, S::kResponseId},
          {"model", K::model, S::kModel},
          {"status", K::word, S::kStatus},
          {"service_tier", K::lower_word, S::kServiceTier},
          {"usage", K::usage},
          {"usage.total_input_tokens", K::count, kInput},
          {"usage.total_cached_tokens", K::count, kCached},
          {"usage.total_output_tokens", K::count, kOutput},
          {"usage.total_thought_tokens", K::count, kThought},
          {"usage.total_tool_use_tokens", K::count, kToolUse},
          {"usage.total_tokens", K::count, kTotal},
          {"usage.input_tokens_by_modality", K::list, kInputList},
          {"usage.input_tokens_by_modality[]", K::entry},
          {"usage.input_tokens_by_modality[].modality", K::entry_name},
          {"usage.input_tokens_by_modality[].tokens", K::entry_count},
          {"usage.output_tokens_by_modality", K::list, kOutputList},
          {"usage.output_tokens_by_modality[]", K::entry},
          {"usage.output_tokens_by_modality[].modality", K::entry_name},
          {"usage.output_tokens_by_modality[].tokens", K::entry_count},
          {"usage.cached_tokens_by_modality", K::list, kCachedList},
          {"usage.cached_tokens_by_modality[]", K::entry},
          {"usage.cached_tokens_by_modality[].modality", K::entry_name},
          {"usage.cached_tokens_by_modality[].tokens", K::entry_count},
          {"usage.grounding_tool_count", K::list, kGroundingList},
          {"usage.grounding_tool_count[]", K::entry},
          {"usage.grounding_tool_count[].type", K::entry_name},
          {"usage.grounding_tool_count[].count", K::entry_count},
          {"step", K::scope, kStep},
          {"step.type", K::note, kStepType},
          {"step.name", K::note, kStepName},
          {"steps[]", K::scope, kStep},
          {"steps[].type", K::note, kStepType},
          {"steps[].name", K::note, kStepName},
          {"error", K::error},
          {"error.type", K::word, S::kErrorType},
          {"error.status", K::word, S::kErrorStatus},
          {"error.code", K::code, S::kErrorCode},
      },
      {"", "interaction"});
  return fields;
}

/// Events around an interaction; the first version of the API said `start` and `complete`.
bool has_interaction(std::string_view type) {
  static constexpr std::array<std::string_view, 5> kTypes{
      "interaction.created", "interaction.status_update", "interaction.completed",
      "interaction.start", "interaction.complete"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

bool is_over(std::string_view status) {
  return !status.empty() && status != "in_progress" && status != "queued";
}

Finish finish_of(std::string_view status, bool has_tool_calls) {
  if (status == "completed") {
    return has_tool_calls ? Finish::tool_use : Finish::stop;
  }
  if (status == "requires_action") {
    return Finish::tool_use;
  }
  if (status == "incomplete" || status == "budget_exceeded") {
    return Finish::length;
  }
  if (status == "failed") {
    return Finish::error;
  }
  return status == "cancelled" ? Finish::cancelled : Finish::other;
}

Usage usage_of(const Snapshot& seen, std::set<std::string>* flags) {
  const auto count = [&seen](Counts which) {
    return seen.count(which).value_or(0);
  };
  Stated stated;
  stated.tool_use_prompt = count(kToolUse);
  stated.input_total = count(kInput) + stated.tool_use_prompt;
  stated.cached_input = count(kCached);
  stated.cache_write = 0;
  stated.reasoning = count(kThought);
  stated.output_total = count(kOutput) + *stated.reasoning;
  stated.reported_total = seen.count(kTotal);
  Usage usage = derive(stated, flags);
  add_modalities(seen.list(kInputList), &usage.input_by_modality);
  add_modalities(seen.list(kOutputList), &usage.output_by_modality);
  add_modalities(seen.list(kCachedList), &usage.cached_by_modality);
  return usage;
}

}  // namespace

InteractionsReader::InteractionsReader(const ResponseFacts& facts) : BodyReader(facts, table()) {}

void InteractionsReader::on_scope_begin(std::size_t index) {
  if (index == kInteraction) {
    in_interaction_ = true;
    inner_.clear();
    extractor_.into(&inner_);
  } else if (index == kStep) {
    step_type_.clear();
    step_name_.clear();
  }
}

void InteractionsReader::on_scope_end(std::size_t index) {
  if (index == kInteraction) {
    in_interaction_ = false;
    extractor_.into(&object_);
  } else if (index == kStep && step_type_ == "function_call") {
    (in_interaction_ ? inner_ : object_).add_tool_name(step_name_);
  }
}

void InteractionsReader::on_note(std::size_t index, std::string_view text) {
  (index == kStepType ? step_type_ : step_name_) = text;
}

void InteractionsReader::take() {
  std::string_view type = object_.text(Snapshot::kType);
  if (type.empty()) {
    type = event_name();
  }
  if (has_interaction(type)) {
    const bool is_last = type.starts_with("interaction.complete");
    const std::string status(object_.text(Snapshot::kStatus));
    if (!inner_.word(Snapshot::kStatus) && !status.empty()) {
      *inner_.set_word(Snapshot::kStatus) = status;  // interaction.status_update
    }
    if (is_last && !is_over(inner_.text(Snapshot::kStatus))) {
      *inner_.set_word(Snapshot::kStatus) = "completed";
    }
    take_interaction(&inner_);
  } else if (type == "step.start") {
    for (const std::string& name : object_.tool_names()) {
      seen_.add_tool_name(name);
    }
  } else if (type == "error" ||
             (type.empty() && object_.has_error() && object_.word(Snapshot::kStatus) == nullptr)) {
    object_.keep_only({});
    seen_.merge(&object_);
  } else if (type.empty() && shape() == Shape::json) {
    take_interaction(&object_);
  } else {
    set_repeatable(object_, nullptr);  // text, mostly
  }
}

void InteractionsReader::take_interaction(Snapshot* from) {
  from->forget(Snapshot::kType);
  seen_.merge(from);
  const std::string_view status = seen_.text(Snapshot::kStatus);
  has_ended_ = is_over(status);
  if (status == "failed" && !seen_.has_error()) {
    seen_.begin_error();
  }
}

void InteractionsReader::fill_wire(Record* record) const {
  if (const std::string* status = seen_.word(Snapshot::kStatus); has_ended_ && status != nullptr) {
    record->finish_raw = *status;
    record->finish = finish_of(*status, !seen_.tool_names().empty());
  }
  add_modalities(seen_.list(kGroundingList), &record->server_tools);
  if (seen_.has_usage()) {
    record->usage = usage_of(seen_, &record->flags);
  }
}

}  // namespace agp::usage
