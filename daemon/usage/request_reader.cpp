#include "daemon/usage/request_reader.h"

#include "daemon/usage/number.h"
#include "daemon/usage/text.h"

#include <algorithm>
#include <array>
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
  return keys;
}

void RequestReader::on_object_begin() {
  if (depth_ == 0 || enters_) {
    ++known_depth_;
  }
  ++depth_;
  enters_ = false;
  field_ = Field::none;
}

void RequestReader::on_object_end() {
  if (depth_ == known_depth_) {
    --known_depth_;
  }
  --depth_;
}

void RequestReader::on_array_begin() {
  ++depth_;
  enters_ = false;
  field_ = Field::none;
}

void RequestReader::on_array_end() {
  --depth_;
}

void RequestReader::on_key(std::string_view key) {
  struct Known {
    std::size_t depth;
    std::string_view key;
    Field field;
  };
  static constexpr std::array<Known, 5> kKnown{{
      {1, "model", Field::model},
      {1, "requestId", Field::request_id},
      {1, "requestType", Field::request_type},
      {3, "trajectory_id", Field::trajectory_id},
      {3, "last_step_index", Field::last_step_index},
  }};
  field_ = Field::none;
  enters_ = false;
  if (depth_ != known_depth_) {
    return;  // somewhere inside a prompt
  }
  enters_ = (depth_ == 1 && key == "request") || (depth_ == 2 && key == "labels");
  for (const Known& known : kKnown) {
    if (known.depth == depth_ && known.key == key) {
      field_ = known.field;
    }
  }
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
  }
  field_ = Field::none;
}

void RequestReader::on_number(std::string_view text) {
  if (field_ == Field::last_step_index) {
    last_step_index_ = parse_count(text);
  }
  field_ = Field::none;
}

}  // namespace agp::usage
