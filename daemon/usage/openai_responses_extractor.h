#pragma once

#include "daemon/usage/json_reader.h"
#include "daemon/usage/record.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::usage {

/// What a response object of OpenAI's Responses API said, or several merged: per field the last
/// one present.
struct ResponsesBody {
  enum Count {
    kInput,
    kCached,
    kWrite,
    kWrite30m,
    kWrite12h,
    kOutput,
    kReasoning,
    kTotal,
    kCounts
  };

  std::optional<std::string> id;
  std::optional<std::string> model;
  std::optional<std::string> status;
  std::optional<std::string> object;
  std::optional<std::string> reason;  // incomplete_details.reason
  std::optional<std::string> service_tier;
  std::optional<CallError> error;
  bool has_usage = false;
  bool has_bad_number = false;
  std::array<usage::Count, kCounts> counts;
  std::vector<std::string> tool_names;  // distinct, in order of first appearance

  void merge(ResponsesBody&& later);
  void add_tool(std::string name);
};

/// One JSON text: an event with its type and perhaps a response inside, or a bare response.
struct ResponsesEvent {
  std::optional<std::string> type;
  ResponsesBody outer;  // the text itself, read as a response; the tool of an `item`
  ResponsesBody inner;  // its `response`
  bool has_inner = false;
};

/// Takes the few scalars we need out of one JSON text.
class ResponsesExtractor final : public JsonHandler {
 public:
  /// Begin with the next text.
  void reset();
  [[nodiscard]] ResponsesEvent& event() { return event_; }

  void on_object_begin() override { on_container(true); }
  void on_object_end() override { on_container_end(); }
  void on_array_begin() override { on_container(false); }
  void on_array_end() override { on_container_end(); }
  void on_key(std::string_view key) override;
  [[nodiscard]] bool wants_string() override { return field_ != Field::none; }
  void on_string(std::string_view text) override;
  void on_number(std::string_view text) override;
  void on_bool() override;
  void on_null() override { field_ = Field::none; }

 private:
  enum class At : std::uint8_t {
    outside,
    skipped,
    event,
    response,
    usage,
    input_details,
    write_details,
    output_details,
    incomplete,
    error,
    output,  // the array of items
    item,
  };
  enum class Field : std::uint8_t {
    none,
    type,
    id,
    model,
    status,
    object,
    reason,
    service_tier,
    count,
    error_type,
    error_status,
    error_code,
    event_code,  // of `{"type":"error","code":…}`
    item_type,
    item_name,
  };

  void on_container(bool is_object);
  void on_container_end();
  void choose_in_body(std::string_view key);
  void choose_count(std::string_view key);
  void enter(At where, bool is_object);
  void take_number(std::optional<std::uint64_t> value);
  [[nodiscard]] ResponsesBody& body() { return in_response_ ? event_.inner : event_.outer; }

  ResponsesEvent event_;
  std::vector<At> stack_;
  std::size_t skipped_depth_ = 0;
  At at_ = At::outside;
  At next_ = At::skipped;  // what a container under the current key is
  bool next_is_object_ = false;
  bool in_response_ = false;
  Field field_ = Field::none;
  std::size_t index_ = 0;  // which count
  std::string error_type_;
  std::string error_status_;
  std::string error_code_;
  std::string item_type_;
  std::string item_name_;
};

}  // namespace agp::usage
