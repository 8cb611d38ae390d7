#include "daemon/usage/request_reader.h"

#include "daemon/usage/number.h"
#include "daemon/usage/text.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace agp::usage {
namespace {

RequestKind kind_of(std::string_view word) {
  if (word == "agent") {
    return RequestKind::agent;
  }
  if (word == "checkpoint") {
    return RequestKind::checkpoint;
  }
  if (word == "tab") {
    return RequestKind::tab;
  }
  return word == "web_search" ? RequestKind::web_search : RequestKind::other;
}

/// UUIDs, and whatever else a future version may use as an id; no text, no path.
bool is_id(std::string_view text) {
  return text.size() >= 8 && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_' || c == '.' || c == ':';
         });
}

// `<trajectory>-<n>`, K7.
void take_label_request_id(std::string_view text, CallKeys* keys) {
  const std::size_t dash = text.rfind('-');
  if (dash == std::string_view::npos || !is_uuid(text.substr(0, dash))) {
    return;
  }
  const auto step = parse_count_string(text.substr(dash + 1));
  if (step && !keys->trajectory_id) {
    keys->trajectory_id = std::string(text.substr(0, dash));
  }
  if (step && !keys->step_index) {
    keys->step_index = step;
  }
}

}  // namespace

CallKeys parse_request_id(std::string_view request_id) {
  CallKeys keys;
  std::vector<std::string_view> segments;
  std::string_view rest = request_id;
  while (segments.size() < 6) {
    const std::size_t slash = rest.find('/');
    segments.push_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(slash + 1);
  }
  keys.kind = kind_of(segments[0]);
  if (request_id.starts_with("agent-")) {
    keys.kind = RequestKind::agent;  // third-party clients of early 2026
  }
  if (segments[0] != "agent" || segments.size() != 5 || !is_id(segments[1])) {
    return keys;
  }
  keys.cascade_id = std::string(segments[1]);
  if (is_id(segments[3])) {
    keys.trajectory_id = std::string(segments[3]);
  }
  keys.step_index = parse_count_string(segments[4]);
  return keys;
}

void apply(CallKeys keys, Record* record) {
  if (keys.kind != RequestKind::other) {
    record->request_kind = keys.kind;
  }
  // What the request id names counts by its form; what a prompt names has to be known.
  const auto& hints = keys.hints;
  if (keys.cascade_id) {
    record->cascade_source = CascadeSource::exact;
    record->cascade_evidence = "request_id";
  } else if (hints.conversation_id || hints.brain_id) {
    keys.cascade_id = hints.conversation_id ? hints.conversation_id : hints.brain_id;
    record->cascade_source = CascadeSource::inferred;
    record->cascade_evidence = hints.conversation_id ? "conversation_id" : "brain_path";
  }
  record->cascade_id = std::move(keys.cascade_id);
  record->trajectory_id = std::move(keys.trajectory_id);
  record->step_index = keys.step_index;
  record->hints = std::move(keys.hints);
}

RequestReader::RequestReader() : json_(this) {}

void RequestReader::feed(Bytes decoded) {
  if (json_.status() == JsonReader::Status::reading) {
    (void)json_.feed(decoded);  // a body that is no JSON has no keys; the call counts all the same
  }
}

CallKeys RequestReader::keys() const {
  CallKeys keys = request_id_ ? parse_request_id(*request_id_) : CallKeys();
  if (request_type_) {
    if (const RequestKind kind = kind_of(*request_type_); kind != RequestKind::other) {
      keys.kind = kind;
    }
  }
  if (!keys.trajectory_id) {
    keys.trajectory_id = trajectory_id_;
  }
  if (!keys.step_index && last_step_index_) {
    keys.step_index = *last_step_index_ + 1;  // the label counts the steps before this one
  }
  if (label_request_id_) {
    take_label_request_id(*label_request_id_, &keys);
  }
  keys.hints.conversation_id = scan_.conversation_id();
  keys.hints.brain_id = scan_.brain_id();
  keys.hints.session_id = session_id_;
  return keys;
}

void RequestReader::begin_container() {
  ++depth_;
  if (enters_system_) {
    system_depth_ = depth_;
  }
  enters_ = false;
  enters_system_ = false;
  field_ = Field::none;
}

void RequestReader::end_container() {
  if (depth_ == system_depth_) {
    system_depth_ = 0;
  }
  --depth_;
}

void RequestReader::on_object_begin() {
  if (depth_ == 0 || enters_) {
    ++known_depth_;
  }
  begin_container();
}

void RequestReader::on_object_end() {
  if (depth_ == known_depth_) {
    --known_depth_;
  }
  end_container();
}

void RequestReader::on_array_begin() {
  begin_container();
}

void RequestReader::on_array_end() {
  end_container();
}

void RequestReader::on_key(std::string_view key) {
  struct Known {
    std::size_t depth;
    std::string_view key;
    Field field;
  };
  static constexpr std::array<Known, 8> kKnown{{
      {1, "model", Field::model},
      {1, "requestId", Field::request_id},
      {1, "requestType", Field::request_type},
      {2, "sessionId", Field::session_id},
      {2, "systemInstruction", Field::system_text},
      {3, "trajectory_id", Field::trajectory_id},
      {3, "last_step_index", Field::last_step_index},
      {3, "request_id", Field::label_request_id},
  }};
  field_ = Field::none;
  enters_ = false;
  enters_system_ = false;
  if (system_depth_ != 0) {
    field_ = key == "text" ? Field::system_text : Field::none;
    return;
  }
  if (depth_ != known_depth_) {
    return;  // somewhere inside a prompt
  }
  enters_ = (depth_ == 1 && key == "request") || (depth_ == 2 && key == "labels");
  for (const Known& known : kKnown) {
    if (known.depth == depth_ && known.key == key) {
      field_ = known.field;
    }
  }
  enters_system_ = field_ == Field::system_text;
}

void RequestReader::on_string(std::string_view text) {
  switch (field_) {
    case Field::none:
      break;
    case Field::model:
      if (std::string model = model_name(text); !model.empty()) {
        model_ = std::move(model);
      }
      break;
    case Field::request_id:
      if (!text.empty()) {
        request_id_ = clip(text, kMaxIdBytes);
      }
      break;
    case Field::request_type:
      request_type_ = clip_word(text);
      break;
    case Field::trajectory_id:
      if (is_id(text)) {
        trajectory_id_ = std::string(text);
      }
      break;
    case Field::last_step_index:
      last_step_index_ = parse_count_string(text);
      break;
    case Field::label_request_id:
      if (is_id(text)) {
        label_request_id_ = std::string(text);
      }
      break;
    case Field::session_id:
      if (!text.empty() && text.size() <= kMaxWordBytes) {
        session_id_ = std::string(text);
      }
      break;
    case Field::system_text:
      scan_.end_text();
      break;
  }
  field_ = Field::none;
}

void RequestReader::on_number(std::string_view text) {
  if (field_ == Field::last_step_index) {
    last_step_index_ = parse_count(text);
  } else if (field_ == Field::session_id && text.size() <= kMaxWordBytes) {
    session_id_ = std::string(text);
  }
  field_ = Field::none;
}

}  // namespace agp::usage
