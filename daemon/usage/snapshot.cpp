#include "daemon/usage/snapshot.h"

#include "daemon/usage/text.h"

#include <algorithm>
#include <bit>

namespace agp::usage {
namespace {

/// Calls `action` with the number of each bit.
template <class Action>
void for_each_bit(std::uint32_t bits, const Action& action) {
  for (; bits != 0; bits &= bits - 1) {
    action(static_cast<std::size_t>(std::countr_zero(bits)));
  }
}

constexpr std::uint32_t bit(Snapshot::Word word) {
  return 1U << word;
}

constexpr std::uint32_t kErrorWords =
    bit(Snapshot::kErrorType) | bit(Snapshot::kErrorStatus) | bit(Snapshot::kErrorCode);

}  // namespace

void Snapshot::begin_list(std::size_t which) {
  lists_present_ = static_cast<std::uint8_t>(lists_present_ | 1U << which);
  lists_[which].clear();
}

void Snapshot::add_to_list(std::size_t which, const std::string& name, std::uint64_t value) {
  ModalityCounts& list = lists_[which];
  if (value == 0 || (list.size() >= kMaxModalities && !list.contains(name))) {
    return;
  }
  std::uint64_t& sum = list[name];
  if (sum + value > kMaxCount) {
    has_bad_number_ = true;
    return;
  }
  sum += value;
}

void Snapshot::begin_error() {
  has_error_ = true;
  words_present_ &= ~kErrorWords;
}

std::optional<CallError> Snapshot::error() const {
  if (!has_error_) {
    return std::nullopt;
  }
  CallError error{std::string(text(kErrorType)), std::string(text(kErrorCode))};
  if (error.type.empty()) {
    error.type = text(kErrorStatus).empty() ? text(kErrorCode) : text(kErrorStatus);
  }
  if (error.type.empty()) {
    error.type = "unknown";
  }
  return error;
}

void Snapshot::add_tool_name(std::string_view name) {
  if (name.empty() || tool_names_.size() >= kMaxToolNames) {
    return;
  }
  std::string kept = clip(name, kMaxIdBytes);
  if (std::find(tool_names_.begin(), tool_names_.end(), kept) == tool_names_.end()) {
    tool_names_.push_back(std::move(kept));
  }
}

void Snapshot::clear() {
  counts_present_ = 0;
  words_present_ = 0;
  lists_present_ = 0;
  has_usage_ = false;
  has_bad_number_ = false;
  has_error_ = false;
  tool_names_.clear();
}

void Snapshot::keep_only(std::initializer_list<Word> kept) {
  std::uint32_t words = kErrorWords;
  for (const Word word : kept) {
    words |= bit(word);
  }
  words_present_ &= words;
  counts_present_ = 0;
  lists_present_ = 0;
  has_usage_ = false;
  tool_names_.clear();
}

void Snapshot::merge(Snapshot* later) {
  for_each_bit(later->counts_present_, [&](std::size_t i) { counts_[i] = later->counts_[i]; });
  if (later->has_error_) {
    begin_error();
  }
  for_each_bit(later->words_present_, [&](std::size_t i) { words_[i].swap(later->words_[i]); });
  for_each_bit(later->lists_present_, [&](std::size_t i) { lists_[i].swap(later->lists_[i]); });
  for (const std::string& name : later->tool_names_) {
    add_tool_name(name);
  }
  counts_present_ |= later->counts_present_;
  words_present_ |= later->words_present_;
  lists_present_ = static_cast<std::uint8_t>(lists_present_ | later->lists_present_);
  has_usage_ = has_usage_ || later->has_usage_;
  has_bad_number_ = has_bad_number_ || later->has_bad_number_;
  has_error_ = has_error_ || later->has_error_;
  later->clear();
}

}  // namespace agp::usage
