#include "daemon/usage/openai_chat_reader.h"

#include "daemon/usage/derive.h"

#include <set>
#include <string>
#include <string_view>

namespace agp::usage {
namespace {

enum Counts : std::size_t {
  kPrompt,
  kCached,
  kCacheWrite,
  kPromptAudio,
  kPromptText,
  kPromptImage,
  kCompletion,
  kReasoning,
  kCompletionAudio,
  kCompletionText,
  kCompletionImage,
  kAccepted,
  kRejected,
  kTotal,
};
enum Scopes : std::size_t { kWhole, kChoices };

const FieldTable& table() {
  using K = FieldKind;
  using S = Snapshot;
  static const FieldTable fields(
      {
          {"object", K::word, S::kObject},
          {"type", K::word, S::kType},
          {"id", K::id, S::kResponseId},
          {"model", K::model, S::kModel},
          {"service_tier", K::lower_word, S::kServiceTier},
          {"usage", K::usage},
          {"usage.prompt_tokens", K::count, kPrompt},
          {"usage.prompt_tokens_details.cached_tokens", K::count, kCached},
          {"usage.prompt_tokens_details.cache_write_tokens", K::count, kCacheWrite},
          {"usage.prompt_tokens_details.audio_tokens", K::count, kPromptAudio},
          {"usage.prompt_tokens_details.text_tokens", K::count, kPromptText},
          {"usage.prompt_tokens_details.image_tokens", K::count, kPromptImage},
          {"usage.completion_tokens", K::count, kCompletion},
          {"usage.completion_tokens_details.reasoning_tokens", K::count, kReasoning},
          {"usage.completion_tokens_details.audio_tokens", K::count, kCompletionAudio},
          {"usage.completion_tokens_details.text_tokens", K::count, kCompletionText},
          {"usage.completion_tokens_details.image_tokens", K::count, kCompletionImage},
          {"usage.completion_tokens_details.accepted_prediction_tokens", K::count, kAccepted},
          {"usage.completion_tokens_details.rejected_prediction_tokens", K::count, kRejected},
          {"usage.total_tokens", K::count, kTotal},
          {"choices", K::scope, kChoices},
          {"choices[].finish_reason", K::word, S::kFinish},
          {"choices[].delta.tool_calls[].function.name", K::tool_name},
          {"choices[].delta.tool_calls[].custom.name", K::tool_name},
          {"choices[].delta.function_call.name", K::tool_name},
          {"choices[].message.tool_calls[].function.name", K::tool_name},
          {"choices[].message.tool_calls[].custom.name", K::tool_name},
          {"choices[].message.function_call.name", K::tool_name},
          {"error", K::error},
          {"error.type", K::word, S::kErrorType},
          {"error.status", K::word, S::kErrorStatus},
          {"error.code", K::code, S::kErrorCode},
      },
      {""});
  return fields;
}

Finish finish_of(std::string_view reason) {
  if (reason == "stop") {
    return Finish::stop;
  }
  if (reason == "length") {
    return Finish::length;
  }
  if (reason == "tool_calls" || reason == "function_call") {
    return Finish::tool_use;
  }
  return reason == "content_filter" ? Finish::content_filter : Finish::other;
}

/// Compatible servers leave `object` out; other kinds of objects have another one, or a `type`.
bool is_completion(const Snapshot& object) {
  const std::string_view name = object.text(Snapshot::kObject);
  return name.starts_with("chat.completion") || name == "text_completion" ||
         (name.empty() && object.word(Snapshot::kType) == nullptr);
}

Usage usage_of(const Snapshot& seen, std::set<std::string>* flags) {
  const auto count = [&seen](Counts which) {
    return seen.count(which).value_or(0);
  };
  Stated stated;
  stated.input_total = count(kPrompt);
  stated.cached_input = count(kCached);
  stated.cache_write = count(kCacheWrite);
  stated.output_total = count(kCompletion);
  stated.reasoning = seen.count(kReasoning);
  stated.reported_total = seen.count(kTotal);
  Usage usage = derive(stated, flags);
  add_modalities(seen, {{"text", kPromptText}, {"image", kPromptImage}, {"audio", kPromptAudio}},
                 &usage.input_by_modality);
  add_modalities(
      seen, {{"text", kCompletionText}, {"image", kCompletionImage}, {"audio", kCompletionAudio}},
      &usage.output_by_modality);
  return usage;
}

}  // namespace

OpenAiChatReader::OpenAiChatReader(const ResponseFacts& facts) : BodyReader(facts, table()) {}

void OpenAiChatReader::begin_object() {
  has_choices_ = false;
}

void OpenAiChatReader::on_scope_begin(std::size_t) {
  has_choices_ = true;
}

bool OpenAiChatReader::take_done() {
  is_done_ = true;
  return true;
}

void OpenAiChatReader::take() {
  if (has_choices_ || object_.has_error() || is_completion(object_)) {
    object_.forget(Snapshot::kObject);
    object_.forget(Snapshot::kType);
    set_repeatable(object_, &object_);
    seen_.merge(&object_);
  } else {
    set_repeatable(object_, nullptr);
  }
}

bool OpenAiChatReader::has_ended() const {
  return is_done_ || seen_.word(Snapshot::kFinish) != nullptr;
}

void OpenAiChatReader::fill_wire(Record* record) const {
  if (const std::string* reason = seen_.word(Snapshot::kFinish)) {
    record->finish_raw = *reason;
    record->finish = finish_of(*reason);
  }
  if (seen_.has_usage()) {
    record->usage = usage_of(seen_, &record->flags);
  }
}

}  // namespace agp::usage
