#include "daemon/usage/openai_responses_extractor.h"

#include "daemon/usage/number.h"
#include "daemon/usage/text.h"

#include <algorithm>
#include <utility>

namespace agp::usage {
namespace {

template <class T>
void take_if_present(std::optional<T>* into, std::optional<T>* later) {
  if (later->has_value()) {
    *into = std::move(*later);
  }
}

}  // namespace

void ResponsesBody::add_tool(std::string name) {
  if (!name.empty() && tool_names.size() < kMaxToolNames &&
      std::find(tool_names.begin(), tool_names.end(), name) == tool_names.end()) {
    tool_names.push_back(std::move(name));
  }
}

void ResponsesBody::merge(ResponsesBody&& later) {
  take_if_present(&id, &later.id);
  take_if_present(&model, &later.model);
  take_if_present(&status, &later.status);
  take_if_present(&object, &later.object);
  take_if_present(&reason, &later.reason);
  take_if_present(&service_tier, &later.service_tier);
  take_if_present(&error, &later.error);
  has_usage = has_usage || later.has_usage;
  has_bad_number = has_bad_number || later.has_bad_number;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    take_if_present(&counts[i], &later.counts[i]);
  }
  for (std::string& name : later.tool_names) {
    add_tool(std::move(name));
  }
}

void ResponsesExtractor::reset() {
  event_ = {};
  stack_.clear();
  skipped_depth_ = 0;
  at_ = At::outside;
  next_ = At::skipped;
  in_response_ = false;
  field_ = Field::none;
  error_type_.clear();
  error_status_.clear();
  error_code_.clear();
}

void ResponsesExtractor::enter(At where, bool is_object) {
  next_ = where;
  next_is_object_ = is_object;
}

void ResponsesExtractor::on_container(bool is_object) {
  if (at_ == At::skipped) {
    ++skipped_depth_;
    return;
  }
  At child = At::skipped;
  if (at_ == At::outside) {
    child = is_object ? At::event : At::skipped;
  } else if (at_ == At::output) {
    child = is_object ? At::item : At::skipped;
  } else if (next_ != At::skipped && next_is_object_ == is_object) {
    child = next_;
  }
  if (field_ == Field::count) {
    body().has_bad_number = true;
  }
  field_ = Field::none;
  next_ = At::skipped;
  stack_.push_back(at_);
  at_ = child;
  if (child == At::skipped) {
    skipped_depth_ = 1;
  } else if (child == At::response) {
    in_response_ = true;
    event_.has_inner = true;
    event_.inner = {};
  } else if (child == At::usage) {
    body().has_usage = true;
  } else if (child == At::error) {
    error_type_.clear();
    error_status_.clear();
    error_code_.clear();
  } else if (child == At::item) {
    item_type_.clear();
    item_name_.clear();
  }
}

void ResponsesExtractor::on_container_end() {
  if (at_ == At::skipped && --skipped_depth_ > 0) {
    return;
  }
  const At closed = at_;
  at_ = stack_.back();
  stack_.pop_back();
  field_ = Field::none;
  next_ = At::skipped;
  if (closed == At::response) {
    in_response_ = false;
  } else if (closed == At::error) {
    CallError error;
    const std::string* word = &error_type_;
    if (word->empty()) {
      word = error_status_.empty() ? &error_code_ : &error_status_;
    }
    error.type = word->empty() ? "unknown" : *word;
    error.code = error_code_;
    body().error = std::move(error);
  } else if (closed == At::item) {
    if (item_type_ == "function_call" || item_type_ == "custom_tool_call") {
      body().add_tool(item_name_);
    }
  } else if (closed == At::event && event_.type == "error" && !event_.outer.error) {
    event_.outer.error = CallError{error_code_.empty() ? "unknown" : error_code_, error_code_};
  }
}

void ResponsesExtractor::on_key(std::string_view key) {
  field_ = Field::none;
  next_ = At::skipped;
  switch (at_) {
    case At::outside:
    case At::skipped:
    case At::output:
      return;
    case At::event:
      if (key == "type") {
        field_ = Field::type;
      } else if (key == "response") {
        enter(At::response, true);
      } else if (key == "item") {
        enter(At::item, true);
      } else if (key == "code") {
        field_ = Field::event_code;
      } else {
        choose_in_body(key);
      }
      return;
    case At::response:
      choose_in_body(key);
      return;
    case At::usage:
    case At::input_details:
    case At::write_details:
    case At::output_details:
      choose_count(key);
      return;
    case At::incomplete:
      if (key == "reason") {
        field_ = Field::reason;
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
    case At::item:
      if (key == "type") {
        field_ = Field::item_type;
      } else if (key == "name") {
        field_ = Field::item_name;
      }
      return;
  }
}

void ResponsesExtractor::choose_in_body(std::string_view key) {
  if (key == "id") {
    field_ = Field::id;
  } else if (key == "model") {
    field_ = Field::model;
  } else if (key == "status") {
    field_ = Field::status;
  } else if (key == "object") {
    field_ = Field::object;
  } else if (key == "service_tier") {
    field_ = Field::service_tier;
  } else if (key == "usage") {
    enter(At::usage, true);
  } else if (key == "output") {
    enter(At::output, false);
  } else if (key == "incomplete_details") {
    enter(At::incomplete, true);
  } else if (key == "error") {
    enter(At::error, true);
  }
}

void ResponsesExtractor::choose_count(std::string_view key) {
  struct Name {
    At at;
    std::string_view key;
    std::size_t index;
  };
  static constexpr std::array<Name, 8> kNames{{
      {At::usage, "input_tokens", ResponsesBody::kInput},
      {At::usage, "output_tokens", ResponsesBody::kOutput},
      {At::usage, "total_tokens", ResponsesBody::kTotal},
      {At::input_details, "cached_tokens", ResponsesBody::kCached},
      {At::input_details, "cache_write_tokens", ResponsesBody::kWrite},
      {At::write_details, "ttl_30m_tokens", ResponsesBody::kWrite30m},
      {At::write_details, "ttl_12h_tokens", ResponsesBody::kWrite12h},
      {At::output_details, "reasoning_tokens", ResponsesBody::kReasoning},
  }};
  for (const Name& name : kNames) {
    if (at_ == name.at && key == name.key) {
      field_ = Field::count;
      index_ = name.index;
      return;
    }
  }
  if (at_ == At::usage && key == "input_tokens_details") {
    enter(At::input_details, true);
  } else if (at_ == At::usage && key == "output_tokens_details") {
    enter(At::output_details, true);
  } else if (at_ == At::input_details && key == "cache_write_tokens_details") {
    enter(At::write_details, true);
  }
}

void ResponsesExtractor::take_number(std::optional<std::uint64_t> value) {
  if (value) {
    body().counts[index_] = value;
  } else {
    body().has_bad_number = true;
  }
}

void ResponsesExtractor::on_string(std::string_view text) {
  const Field field = std::exchange(field_, Field::none);
  ResponsesBody& to = body();
  switch (field) {
    case Field::none:
      break;
    case Field::type:
      event_.type = clip_word(text);
      break;
    case Field::id:
      if (!text.empty()) {
        to.id = clip(text, kMaxIdBytes);
      }
      break;
    case Field::model:
      if (std::string model = model_name(text); !model.empty()) {
        to.model = std::move(model);
      }
      break;
    case Field::status:
      to.status = clip_word(text);
      break;
    case Field::object:
      to.object = clip_word(text);
      break;
    case Field::reason:
      to.reason = clip_word(text);
      break;
    case Field::service_tier:
      to.service_tier = lower(clip_word(text));
      break;
    case Field::count:
      take_number(parse_count_string(text));
      break;
    case Field::error_type:
      error_type_ = clip_word(text);
      break;
    case Field::error_status:
      error_status_ = clip_word(text);
      break;
    case Field::error_code:
    case Field::event_code:
      error_code_ = clip_word(text);
      break;
    case Field::item_type:
      item_type_ = clip_word(text);
      break;
    case Field::item_name:
      item_name_ = clip(text, kMaxIdBytes);
      break;
  }
}

void ResponsesExtractor::on_number(std::string_view text) {
  const Field field = std::exchange(field_, Field::none);
  if (field == Field::count) {
    take_number(parse_count(text));
  } else if (field == Field::error_code || field == Field::event_code) {
    error_code_ = std::string(text);
  }
}

void ResponsesExtractor::on_bool() {
  if (std::exchange(field_, Field::none) == Field::count) {
    body().has_bad_number = true;
  }
}

}  // namespace agp::usage
