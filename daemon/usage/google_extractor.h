#pragma once

#include "daemon/usage/json_reader.h"
#include "daemon/usage/record.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::usage {

/// What one GenerateContentResponse said, or several merged: per field the last one present.
struct GoogleSnapshot {
  enum Count { kPrompt, kCached, kCandidates, kThoughts, kToolUse, kTotal, kCounts };
  enum List { kPromptList, kCachedList, kCandidatesList, kToolUseList, kLists };

  bool has_usage = false;
  std::array<usage::Count, kCounts> counts;
  std::array<std::optional<ModalityCounts>, kLists> lists;
  std::optional<std::string> service_tier;
  std::optional<std::string> traffic_type;
  std::optional<std::string> finish_reason;
  std::optional<std::string> block_reason;
  std::optional<std::string> model;
  std::optional<std::string> response_id;
  std::optional<std::string> trace_id;
  std::vector<std::string> tool_names;  // distinct, in order of first appearance
  std::optional<std::uint64_t> credits;
  std::optional<CallError> error;
  bool has_bad_number = false;

  /// `later` was sent after this one.
  void merge(GoogleSnapshot&& later);
};

/// Takes the few scalars we need out of response objects: bare, in Code Assist's envelope, or as
/// the elements of an array. An object counts only once it is complete.
class GoogleExtractor final : public JsonHandler {
 public:
  explicit GoogleExtractor(GoogleSnapshot* into);

  /// Begin with the next JSON text.
  void reset();
  /// The text is an array of responses.
  [[nodiscard]] bool is_array() const { return is_array_; }
  /// Complete response objects since reset().
  [[nodiscard]] std::size_t objects() const { return objects_; }

  void on_object_begin() override { on_container(true); }
  void on_object_end() override;
  void on_array_begin() override { on_container(false); }
  void on_array_end() override;
  void on_key(std::string_view key) override;
  [[nodiscard]] bool wants_string() override;
  void on_string(std::string_view text) override;
  void on_number(std::string_view text) override;
  void on_bool() override;
  void on_null() override;

 private:
  enum class At : std::uint8_t {
    outside,
    skipped,
    elements,  // the array around responses
    envelope,  // a response, or Code Assist's wrapper of one
    response,
    candidates,
    candidate,
    content,
    parts,
    part,
    function_call,
    usage,
    list,
    list_entry,
    feedback,
    error,
    credits,
    credit,
  };
  enum class Field : std::uint8_t {
    none,
    count,
    modality,
    modality_count,
    service_tier,
    traffic_type,
    finish_reason,
    block_reason,
    model,
    response_id,
    trace_id,
    tool_name,
    credit,
    error_type,
    error_status,
    error_code,
  };
  struct Pending {
    std::string type, status, code;
  };

  void on_container(bool is_object);
  void choose_at_response(std::string_view key);
  void choose_in_usage(std::string_view key);
  void finish_object(At closed);
  void take_number(std::optional<std::uint64_t> value);
  [[nodiscard]] GoogleSnapshot& now() { return in_response_ ? inner_ : outer_; }

  GoogleSnapshot* into_;
  GoogleSnapshot outer_;
  GoogleSnapshot inner_;
  std::vector<At> stack_;
  std::size_t skipped_depth_ = 0;
  At at_ = At::outside;
  At next_ = At::skipped;  // what a container under the current key is
  bool next_is_object_ = false;
  Field field_ = Field::none;
  std::size_t index_ = 0;  // which count, or which list
  bool in_response_ = false;
  bool has_response_ = false;
  bool is_array_ = false;
  std::size_t objects_ = 0;
  std::string modality_;
  usage::Count modality_count_;
  Pending error_;
};

}  // namespace agp::usage
