#pragma once

#include "daemon/usage/limits.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace agp::usage {

/// White space of JSON, and what may stand around the data of an event.
inline constexpr std::string_view kSpace = " \t\r\n";

/// A name or id from the wire as it may be stored: cut, and printable ASCII only. Keeps the memory
/// of `out`.
inline void clip_into(std::string* out, std::string_view text, std::size_t limit) {
  out->assign(text.substr(0, limit));
  std::replace_if(
      out->begin(), out->end(), [](char c) { return c < 0x20 || c > 0x7E; }, '?');
}

[[nodiscard]] inline std::string clip(std::string_view text, std::size_t limit) {
  std::string out;
  clip_into(&out, text, limit);
  return out;
}

/// A word that a program chose (an error type, a status). Anything else could be content and
/// becomes "other".
[[nodiscard]] inline std::string clip_word(std::string_view text) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':' || c == '/';
  };
  if (text.size() > kMaxWordBytes || !std::all_of(text.begin(), text.end(), is_word)) {
    return "other";
  }
  return std::string(text);
}

[[nodiscard]] inline std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

[[nodiscard]] inline std::string_view last_segment(std::string_view text) {
  const std::size_t slash = text.rfind('/');
  return slash == std::string_view::npos ? text : text.substr(slash + 1);
}

/// `models/gemini-3-flash` and `publishers/google/models/x` name a model by their last segment.
[[nodiscard]] inline std::string model_name(std::string_view text) {
  return clip(last_segment(text), kMaxModelBytes);
}

}  // namespace agp::usage
