#include "daemon/usage/anthropic_reader.h"

#include "daemon/usage/derive.h"
#include "daemon/usage/text.h"

#include <string_view>
#include <utility>

namespace agp::usage {
namespace {

enum Counts : std::size_t {
  kInput,
  kCacheRead,
  kCacheWrite,
  kWrite5m,
  kWrite1h,
  kOutput,
  kThinking,
  kWebSearch,
  kWebFetch,
};
enum Scopes : std::size_t { kWhole, kMessage, kIterations, kIteration, kBlock };
enum Notes : std::size_t { kBlockType, kBlockName };

const FieldTable& table() {
  using K = FieldKind;
  using S = Snapshot;
  static const FieldTable fields(
      {
          {"type", K::word, S::kType},
          {"id", K::id, S::kResponseId},
          {"model", K::model, S::kModel},
          {"request_id", K::id, S::kRequestId},
          {"stop_reason", K::word, S::kFinish},
          {"delta.stop_reason", K::word, S::kFinish},
          {"usage", K::usage},
          {"usage.input_tokens", K::count, kInput},
          {"usage.cache_read_input_tokens", K::count, kCacheRead},
          {"usage.cache_creation_input_tokens", K::count, kCacheWrite},
          {"usage.cache_creation.ephemeral_5m_input_tokens", K::count, kWrite5m},
          {"usage.cache_creation.ephemeral_1h_input_tokens", K::count, kWrite1h},
          {"usage.output_tokens", K::count, kOutput},
          {"usage.output_tokens_details.thinking_tokens", K::count, kThinking},
          {"usage.server_tool_use.web_search_requests", K::count, kWebSearch},
          {"usage.server_tool_use.web_fetch_requests", K::count, kWebFetch},
          {"usage.service_tier", K::lower_word, S::kServiceTier},
          {"usage.speed", K::lower_word, S::kSpeed},
          {"usage.inference_geo", K::lower_word, S::kInferenceGeo},
          {"usage.iterations", K::scope, kIterations},
          {"usage.iterations[]", K::scope, kIteration},
          {"usage.iterations[].type", K::word, S::kType},
          {"usage.iterations[].model", K::model, S::kModel},
          {"usage.iterations[].input_tokens", K::count, kInput},
          {"usage.iterations[].cache_read_input_tokens", K::count, kCacheRead},
          {"usage.iterations[].cache_creation_input_tokens", K::count, kCacheWrite},
          {"usage.iterations[].cache_creation.ephemeral_5m_input_tokens", K::count, kWrite5m},
          {"usage.iterations[].cache_creation.ephemeral_1h_input_tokens", K::count, kWrite1h},
          {"usage.iterations[].output_tokens", K::count, kOutput},
          {"usage.iterations[].output_tokens_details.thinking_tokens", K::count, kThinking},
          {"content_block", K::scope, kBlock},
          {"content_block.type", K::note, kBlockType},
          {"content_block.name", K::note, kBlockName},
          {"content[]", K::scope, kBlock},
          {"content[].type", K::note, kBlockType},
          {"content[].name", K::note, kBlockName},
          {"error", K::error},
          {"error.type", K::word, S::kErrorType},
          {"error.status", K::word, S::kErrorStatus},
          {"error.code", K::code, S::kErrorCode},
      },
      {"", "message"});
  return fields;
}

Finish finish_of(std::string_view reason) {
  if (reason == "end_turn" || reason == "stop_sequence") {
    return Finish::stop;
  }
  if (reason == "tool_use") {
    return Finish::tool_use;
  }
  if (reason == "max_tokens" || reason == "model_context_window_exceeded") {
    return Finish::length;
  }
  if (reason == "refusal") {
    return Finish::content_filter;
  }
  return reason == "pause_turn" || reason == "compaction" ? Finish::pause : Finish::other;
}

/// Iterations whose tokens are in none of the message's own numbers. Those of type `message` are a
/// breakdown of them, and what a new type would be nobody knows.
bool is_additional(std::string_view type) {
  return type == "compaction" || type == "advisor_message" || type == "fallback_message";
}

Usage usage_of(const Snapshot& seen, std::set<std::string>* flags) {
  const auto count = [&seen](Counts which) {
    return seen.count(which).value_or(0);
  };
  Stated stated;
  stated.cached_input = count(kCacheRead);
  stated.cache_write_by_ttl = by_ttl(seen, {{"5m", kWrite5m}, {"1h", kWrite1h}});
  stated.cache_write = seen.count(kCacheWrite);
  stated.input_total = count(kInput) + stated.cached_input +
                       stated.cache_write.value_or(count(kWrite5m) + count(kWrite1h));
  stated.output_total = count(kOutput);
  stated.reasoning = seen.count(kThinking);
  return derive(stated, flags);
}

}  // namespace

AnthropicReader::AnthropicReader(const ResponseFacts& facts) : BodyReader(facts, table()) {}

void AnthropicReader::begin_object() {
  in_message_ = false;
  object_iterations_.reset();
  object_flags_.clear();
}

void AnthropicReader::on_scope_begin(std::size_t index) {
  switch (index) {
    case kMessage:
      inner_.clear();
      extractor_.into(&inner_);
      in_message_ = true;
      break;
    case kIterations:
      object_iterations_.emplace();
      break;
    case kIteration:
      iteration_.clear();
      extractor_.into(&iteration_);
      break;
    case kBlock:
      block_type_.clear();
      block_name_.clear();
      break;
    default:
      break;
  }
}

void AnthropicReader::on_scope_end(std::size_t index) {
  switch (index) {
    case kMessage:
      in_message_ = false;
      extractor_.into(&object_);
      break;
    case kIteration:
      extractor_.into(in_message_ ? &inner_ : &object_);
      end_iteration();
      break;
    case kBlock:
      if (block_type_ == "tool_use") {
        (in_message_ ? inner_ : object_).add_tool_name(block_name_);
      }
      break;
    default:
      break;
  }
}

void AnthropicReader::on_note(std::size_t index, std::string_view text) {
  (index == kBlockType ? block_type_ : block_name_) = text;
}

void AnthropicReader::end_iteration() {
  const std::string_view type = iteration_.text(Snapshot::kType);
  if (iteration_.has_bad_number()) {
    (in_message_ ? inner_ : object_).set_has_bad_number();
  }
  if (!is_additional(type) || object_iterations_->size() >= kMaxAdditionalUsage) {
    return;
  }
  AdditionalUsage more;
  more.kind = type;
  if (const std::string* model = iteration_.word(Snapshot::kModel)) {
    more.model = *model;
  }
  more.usage = usage_of(iteration_, &object_flags_);
  object_iterations_->push_back(std::move(more));
}

/// @param from  the message or the event that holds the numbers.
void AnthropicReader::take_message(Snapshot* from) {
  from->forget(Snapshot::kType);
  seen_.merge(from);
  if (object_iterations_) {
    iterations_ = std::move(*object_iterations_);
    iteration_flags_ = std::move(object_flags_);
  }
}

void AnthropicReader::take() {
  std::string_view type = object_.text(Snapshot::kType);
  if (type.empty()) {
    type = event_name();
  }
  if (type.empty() && shape() == Shape::json && !object_.has_error()) {
    type = "message";
  }
  if (type == "message_start") {
    take_message(&inner_);
  } else if (type == "message_delta" || type == "message") {
    has_output_ = has_output_ || object_.count(kOutput);
    take_message(&object_);
  } else if (type == "message_stop") {
    has_stopped_ = true;
  } else if (type == "content_block_start") {
    for (const std::string& name : object_.tool_names()) {
      seen_.add_tool_name(name);
    }
  } else if (type == "error" || (type.empty() && object_.has_error())) {
    object_.keep_only({Snapshot::kRequestId});
    seen_.merge(&object_);
  } else {
    set_repeatable(object_, nullptr);  // text, mostly
  }
}

bool AnthropicReader::has_ended() const {
  return has_stopped_ || seen_.word(Snapshot::kFinish) != nullptr;
}

bool AnthropicReader::has_final_counts() const {
  return has_output_ && BodyReader::has_final_counts();
}

void AnthropicReader::fill_wire(Record* record) const {
  if (const std::string* id = seen_.word(Snapshot::kRequestId);
      id != nullptr && !record->request_id) {
    record->request_id = *id;
  }
  if (const std::string* speed = seen_.word(Snapshot::kSpeed)) {
    record->modifiers.speed = *speed;
  }
  if (const std::string* geo = seen_.word(Snapshot::kInferenceGeo)) {
    record->modifiers.inference_geo = *geo;
  }
  if (const std::string* reason = seen_.word(Snapshot::kFinish)) {
    record->finish_raw = *reason;
    record->finish = finish_of(*reason);
  }
  add_modalities(seen_, {{"web_search", kWebSearch}, {"web_fetch", kWebFetch}},
                 &record->server_tools);
  if (seen_.has_usage()) {
    record->usage = usage_of(seen_, &record->flags);
  }
  record->additional_usage = iterations_;
  record->flags.insert(iteration_flags_.begin(), iteration_flags_.end());
}

}  // namespace agp::usage
