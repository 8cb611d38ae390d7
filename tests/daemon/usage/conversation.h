#pragma once

#include "tests/daemon/usage/support.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

/// Good answers of every wire, made from numbers that are known.
namespace agp::usage::test {

enum class Kind { code_assist, gemini, interactions, anthropic, chat, completions, responses };
inline constexpr Kind kKinds[] = {Kind::code_assist, Kind::gemini, Kind::interactions,
                                  Kind::anthropic,   Kind::chat,   Kind::completions,
                                  Kind::responses};

[[nodiscard]] Wire wire_of(Kind kind);

/// What the model said, as it stands inside a JSON string.
[[nodiscard]] std::string plain_text(std::mt19937* random);
/// Text that looks like what the readers look for.
[[nodiscard]] std::string treacherous_text();

struct Conversation {
  Kind kind = Kind::gemini;
  std::vector<std::string> events;  // each with the empty line behind it
  std::size_t terminal = 0;         // the first event that says that it is over
  std::string json;                 // the same answer in one piece
  Usage usage;
  std::string model;

  [[nodiscard]] std::string stream() const;
};

/// @param text  put wherever the model's words go; empty: plain text at random.
[[nodiscard]] Conversation make_conversation(Kind kind,
                                             std::mt19937* random,
                                             const std::string& text);

/// Events that mean nothing to the wire, some with numbers of their own.
[[nodiscard]] std::vector<std::string> noise_of(Kind kind);

}  // namespace agp::usage::test
