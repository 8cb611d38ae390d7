#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace agp::api::openai {

/// One text that arrives in pieces and may be rewritten, passed on as deltas, which cannot be taken
/// back. Always well-formed UTF-8: a code point that is cut waits for its other half.
class GrowingText {
 public:
  explicit GrowingText(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// False when the text would be beyond the limit; it is then left as it was. The limit is on what
  /// comes in: ill-formed octets, which become three each, may make the text larger.
  [[nodiscard]] bool append(std::string_view octets);
  [[nodiscard]] bool replace(std::string_view octets);
  /// No more will come: half a code point becomes U+FFFD.
  void finish();

  [[nodiscard]] const std::string& text() const { return text_; }

  /// What follows the deltas taken so far. Empty while there is nothing new, or while the text does
  /// not begin with what was taken.
  [[nodiscard]] std::string take_delta();

  /// For readers that know nothing but deltas: the text again, from the start of the line where it
  /// departs from what was taken. Empty if it does not.
  [[nodiscard]] std::string take_correction();

 private:
  void add(std::string_view octets);
  void compare();

  std::size_t limit_bytes_;
  std::string text_;
  std::string half_;             // octets of a code point whose end has not come
  std::size_t taken_bytes_ = 0;  // of text_, unless it was rewritten
  std::string taken_;            // what was taken, once the text no longer begins with it
  bool is_rewritten_ = false;
};

/// The first part of `text` that is no longer than `most` octets, in whole code points.
/// @param text  well-formed UTF-8.
[[nodiscard]] std::string_view first_piece(std::string_view text, std::size_t most);

}  // namespace agp::api::openai
