#include "daemon/usage/prompt_scan.h"

namespace agp::usage {
namespace {

constexpr std::size_t kUuidSize = 36;

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool continues_id(char c) {
  return c == '-' || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

}  // namespace

bool is_uuid(std::string_view text) {
  if (text.size() != kUuidSize) {
    return false;
  }
  for (std::size_t i = 0; i < kUuidSize; ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? text[i] != '-' : !is_hex(text[i])) {
      return false;
    }
  }
  return true;
}

// The first octet of a word comes again at most as its last one, so a mismatch never has to look
// back further than at itself.
void PromptScan::Finder::take(char c) {
  if (matched_ == word_.size()) {
    if (candidate_.empty() && skips_space_ && c == ' ') {
      return;
    }
    if (candidate_.size() < kUuidSize && continues_id(c)) {
      candidate_ += c;
      return;
    }
    if (!continues_id(c)) {
      end();
    }
    candidate_.clear();
    matched_ = 0;
  }
  if (c == word_[matched_]) {
    ++matched_;
  } else {
    matched_ = c == word_.front() ? 1 : 0;
  }
}

void PromptScan::Finder::end() {
  if (matched_ == word_.size() && is_uuid(candidate_)) {
    is_ambiguous_ = is_ambiguous_ || (!found_.empty() && found_ != candidate_);
    found_ = candidate_;
  }
  candidate_.clear();
  matched_ = 0;
}

std::optional<std::string> PromptScan::Finder::id() const {
  return found_.empty() || is_ambiguous_ ? std::nullopt : std::optional(found_);
}

void PromptScan::feed(std::string_view piece) {
  for (const char c : piece) {
    if (!conversation_.is_at_rest() || c == conversation_.first()) {
      conversation_.take(c);
    }
    if (!brain_.is_at_rest() || c == brain_.first()) {
      brain_.take(c);
    }
  }
}

void PromptScan::end_text() {
  conversation_.end();
  brain_.end();
}

}  // namespace agp::usage
