#include "daemon/usage/google_extractor.h"

#include "daemon/usage/number.h"
#include "daemon/usage/text.h"

#include <algorithm>
#include <bit>

namespace agp::usage {
namespace {

constexpr unsigned mask(unsigned first, unsigned count) {
  return ((1U << count) - 1) << first;
}

}  // namespace

ModalityCounts* GoogleSnapshot::begin_list(List which) {
  mark(kFirstList + which);
  lists_[which].clear();
  return &lists_[which];
}

void GoogleSnapshot::add_tool_name(std::string name) {
  if (!has(kHasTools)) {
    tool_names_.clear();
    mark(kHasTools);
  }
  if (tool_names_.size() < kMaxToolNames &&
      std::find(tool_names_.begin(), tool_names_.end(), name) == tool_names_.end()) {
    tool_names_.push_back(std::move(name));
  }
}

void GoogleSnapshot::add_credits(std::uint64_t more) {
  credits_ = has(kHasCredits) ? credits_ + more : more;
  mark(kHasCredits);
}

void GoogleSnapshot::set_error(CallError error) {
  error_ = std::move(error);
  mark(kHasError);
}

void GoogleSnapshot::clear() {
  if (has(kHasTools)) {
    tool_names_.clear();
  }
  present_ = 0;
}

void GoogleSnapshot::clear_response_fields() {
  present_ &= ~(mask(0, kCounts) | mask(kFirstList, kLists) | mask(kHasUsage, 1) |
                mask(kFirstWord + kFinishReason, 1) | mask(kFirstWord + kBlockReason, 1) |
                mask(kFirstWord + kModel, 1) | mask(kFirstWord + kResponseId, 1));
}

void GoogleSnapshot::merge(GoogleSnapshot* later) {
  for (unsigned rest = later->present_ & mask(0, kCounts); rest != 0; rest &= rest - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(rest));
    counts_[i] = later->counts_[i];
  }
  for (unsigned rest = later->present_ >> kFirstWord & mask(0, kWords); rest != 0;
       rest &= rest - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(rest));
    words_[i].swap(later->words_[i]);
  }
  for (unsigned rest = later->present_ >> kFirstList & mask(0, kLists); rest != 0;
       rest &= rest - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(rest));
    lists_[i].swap(later->lists_[i]);
  }
  if (later->has(kHasTools)) {
    for (std::string& name : later->tool_names_) {
      add_tool_name(std::move(name));
    }
  }
  if (later->has(kHasCredits)) {
    add_credits(later->credits_);
  }
  if (later->has(kHasError)) {
    error_ = std::move(later->error_);
  }
  present_ |= later->present_;
  later->clear();
}

GoogleExtractor::GoogleExtractor(GoogleSnapshot* into) : into_(into) {
  stack_.reserve(16);
}

void GoogleExtractor::reset() {
  outer_.clear();
  inner_.clear();
  stack_.clear();
  skipped_depth_ = 0;
  at_ = At::outside;
  next_ = At::skipped;
  field_ = Field::none;
  in_response_ = false;
  has_response_ = false;
  is_array_ = false;
  objects_ = 0;
}

void GoogleExtractor::on_container(bool is_object) {
  if (at_ == At::skipped) {
    ++skipped_depth_;
    return;
  }
  At child = At::skipped;
  switch (at_) {
    case At::outside:
      is_array_ = !is_object;
      child = is_object ? At::envelope : At::elements;
      break;
    case At::elements:
      child = is_object ? At::envelope : At::skipped;
      break;
    case At::candidates:
      child = is_object ? At::candidate : At::skipped;
      break;
    case At::parts:
      child = is_object ? At::part : At::skipped;
      break;
    case At::list:
      child = is_object ? At::list_entry : At::skipped;
      break;
    case At::credits:
      child = is_object ? At::credit : At::skipped;
      break;
    case At::envelope:
    case At::response:
    case At::candidate:
    case At::content:
    case At::part:
    case At::function_call:
    case At::usage:
    case At::list_entry:
    case At::feedback:
    case At::error:
    case At::credit:
    case At::skipped:
      child = next_ != At::skipped && next_is_object_ == is_object ? next_ : At::skipped;
      break;
  }
  if (field_ == Field::count || field_ == Field::modality_count || field_ == Field::credit) {
    now().set_has_bad_number();
  }
  field_ = Field::none;
  next_ = At::skipped;
  stack_.push_back(at_);
  at_ = child;
  if (child == At::skipped) {
    skipped_depth_ = 1;
  } else if (child == At::envelope) {
    outer_.clear();
    inner_.clear();
    has_response_ = false;
  } else if (child == At::response) {
    in_response_ = true;
    has_response_ = true;
  } else if (child == At::usage) {
    now().set_has_usage();
  } else if (child == At::list) {
    (void)now().begin_list(static_cast<GoogleSnapshot::List>(index_));
  } else if (child == At::list_entry) {
    modality_.clear();
    modality_count_.reset();
  } else if (child == At::error) {
    error_ = {};
  }
}

void GoogleExtractor::on_object_end() {
  if (at_ == At::skipped && --skipped_depth_ > 0) {
    return;
  }
  const At closed = at_;
  at_ = stack_.back();
  stack_.pop_back();
  field_ = Field::none;
  next_ = At::skipped;
  finish_object(closed);
}

void GoogleExtractor::on_array_end() {
  if (at_ == At::skipped && --skipped_depth_ > 0) {
    return;
  }
  at_ = stack_.back();
  stack_.pop_back();
  field_ = Field::none;
  next_ = At::skipped;
}

void GoogleExtractor::finish_object(At closed) {
  if (closed == At::response) {
    in_response_ = false;
  } else if (closed == At::list_entry) {
    ModalityCounts& list = *now().open_list(static_cast<GoogleSnapshot::List>(index_));
    if (modality_count_.value_or(0) > 0 &&
        (list.size() < kMaxModalities || list.contains(modality_))) {
      list[modality_] += *modality_count_;
    }
  } else if (closed == At::error) {
    CallError error;
    const std::string* word = &error_.type;
    if (word->empty()) {
      word = error_.status.empty() ? &error_.code : &error_.status;
    }
    error.type = word->empty() ? "unknown" : *word;
    error.code = error_.code;
    now().set_error(std::move(error));
  } else if (closed == At::envelope) {
    ++objects_;
    if (has_response_) {
      // The envelope's own fields stay valid: credits, the trace id, an error beside the response.
      outer_.clear_response_fields();
      outer_.merge(&inner_);
    }
    into_->merge(&outer_);
  }
}

void GoogleExtractor::on_key(std::string_view key) {
  field_ = Field::none;
  next_ = At::skipped;
  const auto enter = [this](At where, bool is_object) {
    next_ = where;
    next_is_object_ = is_object;
  };
  switch (at_) {
    case At::skipped:
    case At::outside:
    case At::elements:
    case At::candidates:
    case At::parts:
    case At::list:
    case At::credits:
      return;
    case At::envelope:
      if (key == "response") {
        enter(At::response, true);
      } else if (key == "traceId") {
        field_ = Field::trace_id;
      } else if (key == "consumedCredits") {
        enter(At::credits, false);
      } else {
        choose_at_response(key);
      }
      return;
    case At::response:
      choose_at_response(key);
      return;
    case At::candidate:
      if (key == "content") {
        enter(At::content, true);
      } else if (key == "finishReason") {
        field_ = Field::finish_reason;
      }
      return;
    case At::content:
      if (key == "parts") {
        enter(At::parts, false);
      }
      return;
    case At::part:
      if (key == "functionCall") {
        enter(At::function_call, true);
      }
      return;
    case At::function_call:
      if (key == "name") {
        field_ = Field::tool_name;
      }
      return;
    case At::usage:
      choose_in_usage(key);
      return;
    case At::list_entry:
      if (key == "modality") {
        field_ = Field::modality;
      } else if (key == "tokenCount") {
        field_ = Field::modality_count;
      }
      return;
    case At::feedback:
      if (key == "blockReason") {
        field_ = Field::block_reason;
      }
      return;
    case At::error:
      if (key == "type") {
        field_ = Field::error_type;
      } else if (key == "status") {
        field_ = Field::error_status;
      } else if (key == "code") {
        field_ = Field::error_code;
      }
      return;
    case At::credit:
      if (key == "creditAmount") {
        field_ = Field::credit;
      }
      return;
  }
}

void GoogleExtractor::choose_at_response(std::string_view key) {
  const auto enter = [this](At where, bool is_object) {
    next_ = where;
    next_is_object_ = is_object;
  };
  if (key == "candidates") {
    enter(At::candidates, false);
  } else if (key == "usageMetadata") {
    enter(At::usage, true);
  } else if (key == "modelVersion") {
    field_ = Field::model;
  } else if (key == "responseId") {
    field_ = Field::response_id;
  } else if (key == "promptFeedback") {
    enter(At::feedback, true);
  } else if (key == "error") {
    enter(At::error, true);
  }
}

void GoogleExtractor::choose_in_usage(std::string_view key) {
  struct Name {
    std::string_view key;
    std::size_t index;
  };
  static constexpr std::array<Name, 6> kCountNames{{
      {"promptTokenCount", GoogleSnapshot::kPrompt},
      {"cachedContentTokenCount", GoogleSnapshot::kCached},
      {"candidatesTokenCount", GoogleSnapshot::kCandidates},
      {"thoughtsTokenCount", GoogleSnapshot::kThoughts},
      {"toolUsePromptTokenCount", GoogleSnapshot::kToolUse},
      {"totalTokenCount", GoogleSnapshot::kTotal},
  }};
  static constexpr std::array<Name, 4> kListNames{{
      {"promptTokensDetails", GoogleSnapshot::kPromptList},
      {"cacheTokensDetails", GoogleSnapshot::kCachedList},
      {"candidatesTokensDetails", GoogleSnapshot::kCandidatesList},
      {"toolUsePromptTokensDetails", GoogleSnapshot::kToolUseList},
  }};
  for (const Name& name : kCountNames) {
    if (key == name.key) {
      field_ = Field::count;
      index_ = name.index;
      return;
    }
  }
  for (const Name& name : kListNames) {
    if (key == name.key) {
      next_ = At::list;
      next_is_object_ = false;
      index_ = name.index;
      return;
    }
  }
  if (key == "serviceTier") {
    field_ = Field::service_tier;
  } else if (key == "trafficType") {
    field_ = Field::traffic_type;
  }
}

bool GoogleExtractor::wants_string() {
  return field_ != Field::none;
}

void GoogleExtractor::take_number(std::optional<std::uint64_t> value) {
  if (!value) {
    now().set_has_bad_number();
  } else if (field_ == Field::count) {
    now().set_count(static_cast<GoogleSnapshot::Count>(index_), *value);
  } else if (field_ == Field::modality_count) {
    modality_count_ = value;
  } else {
    now().add_credits(*value);
  }
}

void GoogleExtractor::on_string(std::string_view text) {
  GoogleSnapshot& to = now();
  switch (field_) {
    case Field::none:
      break;
    case Field::count:
    case Field::modality_count:
    case Field::credit:
      take_number(parse_count_string(text));
      break;
    case Field::modality:
      modality_ = lower(clip_word(text));
      break;
    case Field::service_tier:
      *to.set_word(GoogleSnapshot::kServiceTier) = lower(clip_word(text));
      break;
    case Field::traffic_type:
      *to.set_word(GoogleSnapshot::kTrafficType) = lower(clip_word(text));
      break;
    case Field::finish_reason:
      if (!text.empty() && text != "FINISH_REASON_UNSPECIFIED") {
        *to.set_word(GoogleSnapshot::kFinishReason) = clip_word(text);
      }
      break;
    case Field::block_reason:
      if (!text.empty() && text != "BLOCK_REASON_UNSPECIFIED" &&
          text != "BLOCKED_REASON_UNSPECIFIED") {
        *to.set_word(GoogleSnapshot::kBlockReason) = clip_word(text);
      }
      break;
    case Field::model:
      if (const std::string_view name = last_segment(text); !name.empty()) {
        clip_into(to.set_word(GoogleSnapshot::kModel), name, kMaxModelBytes);
      }
      break;
    case Field::response_id:
      if (!text.empty()) {
        clip_into(to.set_word(GoogleSnapshot::kResponseId), text, kMaxIdBytes);
      }
      break;
    case Field::trace_id:
      if (!text.empty()) {
        clip_into(to.set_word(GoogleSnapshot::kTraceId), text, kMaxIdBytes);
      }
      break;
    case Field::tool_name:
      if (!text.empty()) {
        to.add_tool_name(clip(text, kMaxIdBytes));
      }
      break;
    case Field::error_type:
      error_.type = clip_word(text);
      break;
    case Field::error_status:
      error_.status = clip_word(text);
      break;
    case Field::error_code:
      error_.code = clip_word(text);
      break;
  }
  field_ = Field::none;
}

void GoogleExtractor::on_number(std::string_view text) {
  if (field_ == Field::count || field_ == Field::modality_count || field_ == Field::credit) {
    take_number(parse_count(text));
  } else if (field_ == Field::error_code) {
    error_.code = std::string(text);
  }
  field_ = Field::none;
}

void GoogleExtractor::on_bool() {
  if (field_ == Field::count || field_ == Field::modality_count || field_ == Field::credit) {
    now().set_has_bad_number();
  }
  field_ = Field::none;
}

void GoogleExtractor::on_null() {
  field_ = Field::none;
}

}  // namespace agp::usage
