#pragma once

#include "daemon/usage/json_reader.h"
#include "daemon/usage/record.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::usage {

/// What one GenerateContentResponse said, or several merged: per field the last one present. One is
/// filled and emptied for every event of a stream, so emptying keeps the strings' memory.
class GoogleSnapshot {
 public:
  enum Count { kPrompt, kCached, kCandidates, kThoughts, kToolUse, kTotal, kCounts };
  enum List { kPromptList, kCachedList, kCandidatesList, kToolUseList, kLists };
  enum Word {
    kServiceTier,
    kTrafficType,
    kFinishReason,
    kBlockReason,
    kModel,
    kResponseId,
    kTraceId,
    kWords
  };

  [[nodiscard]] usage::Count count(Count which) const {
    return has(which) ? usage::Count(counts_[which]) : std::nullopt;
  }
  void set_count(Count which, std::uint64_t value) {
    counts_[which] = value;
    mark(which);
  }
  /// @return null when it is not there.
  [[nodiscard]] const std::string* word(Word which) const {
    return has(kFirstWord + which) ? &words_[which] : nullptr;
  }
  /// Present from now on; holds an older value until it is assigned.
  [[nodiscard]] std::string* set_word(Word which) {
    mark(kFirstWord + which);
    return &words_[which];
  }
  [[nodiscard]] const ModalityCounts* list(List which) const {
    return has(kFirstList + which) ? &lists_[which] : nullptr;
  }
  /// Present and empty from now on.
  [[nodiscard]] ModalityCounts* begin_list(List which);
  [[nodiscard]] ModalityCounts* open_list(List which) { return &lists_[which]; }
  [[nodiscard]] bool has_usage() const { return has(kHasUsage); }
  void set_has_usage() { mark(kHasUsage); }
  [[nodiscard]] bool has_bad_number() const { return has(kHasBadNumber); }
  void set_has_bad_number() { mark(kHasBadNumber); }
  /// Distinct, in order of first appearance.
  [[nodiscard]] const std::vector<std::string>& tool_names() const { return tool_names_; }
  void add_tool_name(std::string name);
  [[nodiscard]] std::optional<std::uint64_t> credits() const {
    return has(kHasCredits) ? std::optional(credits_) : std::nullopt;
  }
  void add_credits(std::uint64_t more);
  [[nodiscard]] const CallError* error() const { return has(kHasError) ? &error_ : nullptr; }
  void set_error(CallError error);

  void clear();
  /// Forgets what a response says and its envelope does not.
  void clear_response_fields();
  /// `later` was sent after this one, and is empty afterwards.
  void merge(GoogleSnapshot* later);

 private:
  // Bits of present_: counts, words, lists, then the rest.
  static constexpr unsigned kFirstWord = kCounts;
  static constexpr unsigned kFirstList = kFirstWord + static_cast<unsigned>(kWords);
  static constexpr unsigned kHasUsage = kFirstList + static_cast<unsigned>(kLists);
  static constexpr unsigned kHasBadNumber = kHasUsage + 1;
  static constexpr unsigned kHasTools = kHasUsage + 2;
  static constexpr unsigned kHasCredits = kHasUsage + 3;
  static constexpr unsigned kHasError = kHasUsage + 4;

  [[nodiscard]] bool has(unsigned bit) const { return (present_ >> bit & 1U) != 0; }
  void mark(unsigned bit) { present_ |= 1U << bit; }

  std::uint32_t present_ = 0;
  std::uint64_t credits_ = 0;
  std::array<std::uint64_t, kCounts> counts_{};
  std::array<std::string, kWords> words_;
  std::array<ModalityCounts, kLists> lists_;
  std::vector<std::string> tool_names_;
  CallError error_;
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
