#pragma once

#include "daemon/usage/limits.h"
#include "daemon/usage/record.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::usage {

/// What one object of a response said, or several merged: per field the last one present. The words
/// mean the same on every wire; counts and lists are numbered by the wire's own table. One is
/// filled and emptied for every event of a stream, so emptying keeps the strings' memory.
class Snapshot {
 public:
  enum Word : std::uint8_t {
    kType,    // of an event
    kObject,  // "chat.completion.chunk"
    kStatus,
    kReason,  // details of a status, or why a prompt was blocked
    kFinish,
    kModel,
    kResponseId,
    kRequestId,
    kTraceId,
    kServiceTier,
    kTrafficType,
    kSpeed,
    kInferenceGeo,
    kErrorType,
    kErrorStatus,
    kErrorCode,
    kWords
  };

  [[nodiscard]] usage::Count count(std::size_t which) const {
    return (counts_present_ >> which & 1U) != 0 ? usage::Count(counts_[which]) : std::nullopt;
  }
  void set_count(std::size_t which, std::uint64_t value) {
    counts_[which] = value;
    counts_present_ |= 1U << which;
  }

  /// @return null when it is not there.
  [[nodiscard]] const std::string* word(Word which) const {
    return (words_present_ >> which & 1U) != 0 ? &words_[which] : nullptr;
  }
  /// The word, empty when it is not there.
  [[nodiscard]] std::string_view text(Word which) const {
    return word(which) == nullptr ? std::string_view() : std::string_view(words_[which]);
  }
  /// Present from now on; holds an older value until it is assigned.
  [[nodiscard]] std::string* set_word(Word which) {
    words_present_ |= 1U << which;
    return &words_[which];
  }

  void forget(Word which) { words_present_ &= ~(1U << which); }

  /// Numbers by name, as in "TEXT": 12. @return null when it is not there or empty.
  [[nodiscard]] const ModalityCounts* list(std::size_t which) const {
    return (lists_present_ >> which & 1U) != 0 && !lists_[which].empty() ? &lists_[which] : nullptr;
  }
  /// Present and empty from now on.
  void begin_list(std::size_t which);
  void add_to_list(std::size_t which, const std::string& name, std::uint64_t value);

  [[nodiscard]] bool has_usage() const { return has_usage_; }
  void set_has_usage() { has_usage_ = true; }
  [[nodiscard]] bool has_bad_number() const { return has_bad_number_; }
  void set_has_bad_number() { has_bad_number_ = true; }

  /// An error has been seen; its words so far are forgotten.
  void begin_error();
  /// As section 3.1 of wire-formats names it; empty without one.
  [[nodiscard]] std::optional<CallError> error() const;
  [[nodiscard]] bool has_error() const { return has_error_; }

  /// Distinct, in order of first appearance.
  [[nodiscard]] const std::vector<std::string>& tool_names() const { return tool_names_; }
  void add_tool_name(std::string_view name);

  void clear();
  /// Forgets all but these words and the error.
  void keep_only(std::initializer_list<Word> kept);
  /// `later` was sent after this one, and is empty afterwards.
  void merge(Snapshot* later);

 private:
  std::uint32_t counts_present_ = 0;
  std::uint32_t words_present_ = 0;
  std::uint8_t lists_present_ = 0;
  bool has_usage_ = false;
  bool has_bad_number_ = false;
  bool has_error_ = false;
  std::array<std::uint64_t, kMaxCounters> counts_{};
  std::array<std::string, kWords> words_;
  std::array<ModalityCounts, kMaxLists> lists_;
  std::vector<std::string> tool_names_;
};

}  // namespace agp::usage
