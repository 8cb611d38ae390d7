#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agp::usage {

/// Looks for conversation ids in a text that passes in pieces: UUIDs behind a fixed word. Holds at
/// most one id in the making, never text. Source: ls-protocol section 5.4, K3.
///
/// A text that names two different conversations in the same way (a summary of earlier ones) does
/// not say whose it is: then there is no id.
class PromptScan {
 public:
  /// The next octets of one text; any split is equivalent.
  void feed(std::string_view piece);
  /// The text ended; the next piece begins another one.
  void end_text();

  /// Behind "Conversation ID:".
  [[nodiscard]] std::optional<std::string> conversation_id() const { return conversation_.id(); }
  /// Behind "/brain/".
  [[nodiscard]] std::optional<std::string> brain_id() const { return brain_.id(); }

 private:
  // One word and the UUID behind it.
  class Finder {
   public:
    Finder(std::string_view word, bool skips_space) : word_(word), skips_space_(skips_space) {}
    void take(char c);
    void end();
    [[nodiscard]] bool is_at_rest() const { return matched_ == 0; }
    [[nodiscard]] char first() const { return word_.front(); }
    [[nodiscard]] std::optional<std::string> id() const;

   private:
    std::string_view word_;
    bool skips_space_;
    std::size_t matched_ = 0;  // octets of the word
    std::string candidate_;    // at most a UUID
    std::string found_;
    bool is_ambiguous_ = false;
  };

  Finder conversation_{"Conversation ID:", true};
  Finder brain_{"/brain/", false};
};

/// 8-4-4-4-12 hexadecimal digits.
[[nodiscard]] bool is_uuid(std::string_view text);

}  // namespace agp::usage
