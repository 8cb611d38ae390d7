#include "daemon/api/openai/growing_text.h"

#include "daemon/api/utf8.h"

#include <algorithm>

namespace agp::api::openai {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::size_t announced_size(unsigned char first) {
  if (first >= 0xC2 && first <= 0xDF) {
    return 2;
  }
  if (first >= 0xE0 && first <= 0xEF) {
    return 3;
  }
  return first >= 0xF0 && first <= 0xF4 ? 4 : 1;
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Octets at the end that may be the beginning of a code point: one ill-formed part so far, and the
// first of them announces more than there are.
std::size_t cut_size(std::string_view octets) {
  for (std::size_t size = 1; size <= std::min<std::size_t>(3, octets.size()); ++size) {
    const auto tail = octets.substr(octets.size() - size);
    if (is_continuation(tail.front())) {
      continue;
    }
    const bool is_cut = announced_size(static_cast<unsigned char>(tail.front())) > size &&
                        utf8(tail) == kReplacement;
    return is_cut ? size : 0;
  }
  return 0;
}

}  // namespace

bool GrowingText::append(std::string_view octets) {
  if (octets.size() > limit_bytes_ || text_.size() + octets.size() > limit_bytes_) {
    return false;
  }
  add(octets);
  if (is_rewritten_) {
    compare();
  }
  return true;
}

bool GrowingText::replace(std::string_view octets) {
  if (octets.size() > limit_bytes_) {
    return false;
  }
  if (!is_rewritten_) {
    taken_ = text_.substr(0, taken_bytes_);
  }
  text_.clear();
  half_.clear();
  add(octets);
  compare();
  return true;
}

void GrowingText::finish() {
  text_ += utf8(half_);
  half_.clear();
  if (is_rewritten_) {
    compare();
  }
}

std::string GrowingText::take_delta() {
  if (is_rewritten_ || taken_bytes_ == text_.size()) {
    return {};
  }
  auto delta = text_.substr(taken_bytes_);
  taken_bytes_ = text_.size();
  return delta;
}

std::string GrowingText::take_correction() {
  if (!is_rewritten_) {
    return {};
  }
  const auto departs =
      static_cast<std::size_t>(std::ranges::mismatch(text_, taken_).in1 - text_.begin());
  const auto line = departs == 0 ? std::string::npos : text_.rfind('\n', departs - 1);
  auto correction = text_.substr(line == std::string::npos ? 0 : line + 1);
  is_rewritten_ = false;
  taken_.clear();
  taken_bytes_ = text_.size();
  return correction;
}

void GrowingText::add(std::string_view octets) {
  half_ += octets;
  const auto cut = cut_size(half_);
  const auto whole = std::string_view(half_).substr(0, half_.size() - cut);
  text_ += utf8(whole);
  half_.erase(0, whole.size());
}

void GrowingText::compare() {
  is_rewritten_ = !text_.starts_with(taken_);
  if (!is_rewritten_) {
    taken_bytes_ = taken_.size();
    taken_.clear();
  }
}

std::string_view first_piece(std::string_view text, std::size_t most) {
  if (text.size() <= most) {
    return text;
  }
  std::size_t end = most;
  while (end > 0 && is_continuation(text[end])) {
    --end;
  }
  return text.substr(0, end == 0 ? most : end);
}

}  // namespace agp::api::openai
