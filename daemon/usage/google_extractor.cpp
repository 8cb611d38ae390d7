#include "daemon/usage/google_extractor.h"

#include "daemon/usage/number.h"
#include "daemon/usage/text.h"

#include <algorithm>

namespace agp::usage {
namespace {

template <class T>
void take_if_present(std::optional<T>* into, std::optional<T>* later) {
  if (later->has_value()) {
    *into = std::move(*later);
  }
}

void add_tool(std::vector<std::string>* names, std::string name) {
  if (names->size() < kMaxToolNames &&
      std::find(names->begin(), names->end(), name) == names->end()) {
    names->push_back(std::move(name));
  }
}

}  // namespace

void GoogleSnapshot::merge(GoogleSnapshot&& later) {
  has_usage = has_usage || later.has_usage;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    take_if_present(&counts[i], &later.counts[i]);
  }
  for (std::size_t i = 0; i < lists.size(); ++i) {
    take_if_present(&lists[i], &later.lists[i]);
  }
  take_if_present(&service_tier, &later.service_tier);
  take_if_present(&traffic_type, &later.traffic_type);
  take_if_present(&finish_reason, &later.finish_reason);
  take_if_present(&block_reason, &later.block_reason);
  take_if_present(&model, &later.model);
  take_if_present(&response_id, &later.response_id);
  take_if_present(&trace_id, &later.trace_id);
  take_if_present(&error, &later.error);
  for (std::string& name : later.tool_names) {
    add_tool(&tool_names, std::move(name));
  }
  if (later.credits) {
    credits = credits.value_or(0) + *later.credits;
  }
  has_bad_number = has_bad_number || later.has_bad_number;
}

GoogleExtractor::GoogleExtractor(GoogleSnapshot* into) : into_(into) {
  stack_.reserve(16);
}

void GoogleExtractor::reset() {
  outer_ = {};
  inner_ = {};
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
    now().has_bad_number = true;
  }
  field_ = Field::none;
  next_ = At::skipped;
  stack_.push_back(at_);
  at_ = child;
  if (child == At::skipped) {
    skipped_depth_ = 1;
  } else if (child == At::envelope) {
    outer_ = {};
    inner_ = {};
    has_response_ = false;
  } else if (child == At::response) {
    in_response_ = true;
    has_response_ = true;
  } else if (child == At::usage) {
    now().has_usage = true;
  } else if (child == At::list) {
    now().lists[index_].emplace();
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
    auto& list = *now().lists[index_];
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
    now().error = std::move(error);
  } else if (closed == At::envelope) {
    ++objects_;
    if (has_response_) {
      // The envelope's own fields stay valid: credits, the trace id, an error beside the response.
      GoogleSnapshot inner = std::move(inner_);
      outer_.has_usage = false;
      outer_.counts = {};
      outer_.lists = {};
      outer_.finish_reason.reset();
      outer_.block_reason.reset();
      outer_.model.reset();
      outer_.response_id.reset();
      outer_.merge(std::move(inner));
    }
    into_->merge(std::move(outer_));
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
    now().has_bad_number = true;
  } else if (field_ == Field::count) {
    now().counts[index_] = value;
  } else if (field_ == Field::modality_count) {
    modality_count_ = value;
  } else {
    now().credits = now().credits.value_or(0) + *value;
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
      to.service_tier = lower(clip_word(text));
      break;
    case Field::traffic_type:
      to.traffic_type = lower(clip_word(text));
      break;
    case Field::finish_reason:
      if (!text.empty() && text != "FINISH_REASON_UNSPECIFIED") {
        to.finish_reason = clip_word(text);
      }
      break;
    case Field::block_reason:
      if (!text.empty() && text != "BLOCK_REASON_UNSPECIFIED" &&
          text != "BLOCKED_REASON_UNSPECIFIED") {
        to.block_reason = clip_word(text);
      }
      break;
    case Field::model:
      if (std::string model = model_name(text); !model.empty()) {
        to.model = std::move(model);
      }
      break;
    case Field::response_id:
      if (!text.empty()) {
        to.response_id = clip(text, kMaxIdBytes);
      }
      break;
    case Field::trace_id:
      if (!text.empty()) {
        to.trace_id = clip(text, kMaxIdBytes);
      }
      break;
    case Field::tool_name:
      if (!text.empty()) {
        add_tool(&to.tool_names, clip(text, kMaxIdBytes));
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
    now().has_bad_number = true;
  }
  field_ = Field::none;
}

void GoogleExtractor::on_null() {
  field_ = Field::none;
}

}  // namespace agp::usage
