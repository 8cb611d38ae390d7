#include "daemon/usage/google_reader.h"

#include "daemon/usage/derive.h"
#include "daemon/usage/text.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>

namespace agp::usage {
namespace {

enum Counts : std::size_t {
  kPrompt,
  kCached,
  kCandidates,
  kThoughts,
  kToolUse,
  kTotal,
  kInitialPrompt,
  kSearchQueries,
};
enum Lists : std::size_t { kPromptList, kCachedList, kCandidatesList, kToolUseList };
enum Scopes : std::size_t { kEnvelope, kResponse };
enum Amounts : std::size_t { kCredit };

const FieldTable& table() {
  using K = FieldKind;
  using S = Snapshot;
  static const FieldTable fields(
      {
          {"usageMetadata", K::usage},
          {"usageMetadata.promptTokenCount", K::count, kPrompt},
          {"usageMetadata.cachedContentTokenCount", K::count, kCached},
          {"usageMetadata.candidatesTokenCount", K::count, kCandidates},
          {"usageMetadata.thoughtsTokenCount", K::count, kThoughts},
          {"usageMetadata.toolUsePromptTokenCount", K::count, kToolUse},
          {"usageMetadata.totalTokenCount", K::count, kTotal},
          {"usageMetadata.initialPromptTokenCount", K::count, kInitialPrompt},
          {"usageMetadata.promptTokensDetails", K::list, kPromptList},
          {"usageMetadata.promptTokensDetails[]", K::entry},
          {"usageMetadata.promptTokensDetails[].modality", K::entry_name},
          {"usageMetadata.promptTokensDetails[].tokenCount", K::entry_count},
          {"usageMetadata.cacheTokensDetails", K::list, kCachedList},
          {"usageMetadata.cacheTokensDetails[]", K::entry},
          {"usageMetadata.cacheTokensDetails[].modality", K::entry_name},
          {"usageMetadata.cacheTokensDetails[].tokenCount", K::entry_count},
          {"usageMetadata.candidatesTokensDetails", K::list, kCandidatesList},
          {"usageMetadata.candidatesTokensDetails[]", K::entry},
          {"usageMetadata.candidatesTokensDetails[].modality", K::entry_name},
          {"usageMetadata.candidatesTokensDetails[].tokenCount", K::entry_count},
          {"usageMetadata.toolUsePromptTokensDetails", K::list, kToolUseList},
          {"usageMetadata.toolUsePromptTokensDetails[]", K::entry},
          {"usageMetadata.toolUsePromptTokensDetails[].modality", K::entry_name},
          {"usageMetadata.toolUsePromptTokensDetails[].tokenCount", K::entry_count},
          {"usageMetadata.serviceTier", K::lower_word, S::kServiceTier},
          {"usageMetadata.trafficType", K::lower_word, S::kTrafficType},
          {"candidates[].finishReason", K::word, S::kFinish},
          {"candidates[].content.parts[].functionCall.name", K::tool_name},
          {"candidates[].groundingMetadata.webSearchQueries", K::tally, kSearchQueries},
          {"promptFeedback.blockReason", K::word, S::kReason},
          {"modelVersion", K::model, S::kModel},
          {"responseId", K::id, S::kResponseId},
          {"error", K::error},
          {"error.type", K::word, S::kErrorType},
          {"error.status", K::word, S::kErrorStatus},
          {"error.code", K::code, S::kErrorCode},
          // Of the envelope; a response does not have them.
          {"traceId", K::id, S::kTraceId},
          {"consumedCredits[].creditAmount", K::amount, kCredit},
      },
      {"", "response"});
  return fields;
}

Finish finish_of(std::string_view reason, bool has_tool_calls) {
  if (reason == "STOP") {
    return has_tool_calls ? Finish::tool_use : Finish::stop;
  }
  if (reason == "MAX_TOKENS") {
    return Finish::length;
  }
  if (reason == "CONTINUATION") {
    return Finish::pause;
  }
  static constexpr std::array<std::string_view, 8> kFiltered{"SAFETY",
                                                             "RECITATION",
                                                             "BLOCKLIST",
                                                             "PROHIBITED_CONTENT",
                                                             "SPII",
                                                             "IMAGE_SAFETY",
                                                             "IMAGE_PROHIBITED_CONTENT",
                                                             "IMAGE_RECITATION"};
  return std::find(kFiltered.begin(), kFiltered.end(), reason) != kFiltered.end()
             ? Finish::content_filter
             : Finish::other;
}

/// Proto3 writes the zero of an enumeration when it feels like it.
bool is_unspecified(std::string_view word) {
  return word.ends_with("_UNSPECIFIED");
}

/// @return false when the sum is beyond what a count may be; it stays as it was then.
bool add(std::optional<std::uint64_t>* sum, std::uint64_t value) {
  if (sum->value_or(0) + value > kMaxCount) {
    return false;
  }
  *sum = sum->value_or(0) + value;
  return true;
}

Usage usage_of(const Snapshot& seen, std::set<std::string>* flags) {
  const auto count = [&seen](Counts which) {
    return seen.count(which).value_or(0);
  };
  Stated stated;
  stated.tool_use_prompt = count(kToolUse);
  stated.input_total = count(kPrompt) + stated.tool_use_prompt;
  stated.cached_input = count(kCached);
  stated.cache_write = 0;
  stated.reasoning = count(kThoughts);
  stated.output_total = count(kCandidates) + *stated.reasoning;
  stated.reported_total = seen.count(kTotal);
  Usage usage = derive(stated, flags);
  add_modalities(seen.list(kPromptList), &usage.input_by_modality);
  add_modalities(seen.list(kToolUseList), &usage.input_by_modality);
  add_modalities(seen.list(kCandidatesList), &usage.output_by_modality);
  add_modalities(seen.list(kCachedList), &usage.cached_by_modality);
  return usage;
}

}  // namespace

GoogleReader::GoogleReader(const ResponseFacts& facts) : BodyReader(facts, table()) {
  if (!facts.trace_id.empty()) {
    // The body's own, when it comes, wins.
    clip_into(seen_.set_word(Snapshot::kTraceId), facts.trace_id, kMaxIdBytes);
  }
}

void GoogleReader::begin_object() {
  has_response_ = false;
  has_second_response_ = false;
  object_credits_.reset();
}

void GoogleReader::on_scope_begin(std::size_t) {
  has_second_response_ = has_response_;
  has_response_ = true;
  inner_.clear();
  extractor_.into(&inner_);
}

void GoogleReader::on_scope_end(std::size_t) {
  extractor_.into(&object_);
}

void GoogleReader::on_amount(std::size_t, std::uint64_t value) {
  if (!add(&object_credits_, value)) {
    object_.set_has_bad_number();
  }
}

void GoogleReader::take() {
  if (has_response_) {
    // The envelope's own fields stay valid: the trace id, an error beside the response.
    object_.keep_only({Snapshot::kTraceId});
    object_.merge(&inner_);
  }
  for (const Snapshot::Word word : {Snapshot::kFinish, Snapshot::kReason}) {
    if (is_unspecified(object_.text(word))) {
      object_.forget(word);
    }
  }
  if (!object_credits_ && !has_second_response_) {
    set_repeatable(object_, has_response_ ? &inner_ : &object_);
  }
  seen_.merge(&object_);
  // The only numbers that add up over events.
  if (object_credits_ && !add(&credits_, *object_credits_)) {
    seen_.set_has_bad_number();
  }
}

bool GoogleReader::has_ended() const {
  return is_whole_json() || seen_.word(Snapshot::kFinish) != nullptr ||
         seen_.word(Snapshot::kReason) != nullptr;
}

void GoogleReader::fill_wire(Record* record) const {
  record->credits_consumed = credits_;
  if (const std::string* traffic = seen_.word(Snapshot::kTrafficType);
      traffic != nullptr && seen_.word(Snapshot::kServiceTier) == nullptr) {
    record->service_tier = *traffic;
  }
  if (const std::string* reason = seen_.word(Snapshot::kFinish)) {
    record->finish_raw = *reason;
    record->finish = finish_of(*reason, !seen_.tool_names().empty());
  } else if (const std::string* block = seen_.word(Snapshot::kReason)) {
    record->finish_raw = *block;
    record->finish = Finish::content_filter;
  }
  if (const std::uint64_t queries = seen_.count(kSearchQueries).value_or(0); queries > 0) {
    record->server_tools = {{"web_search", queries}};
  }
  if (seen_.has_usage()) {
    record->usage = usage_of(seen_, &record->flags);
  }
}

}  // namespace agp::usage
