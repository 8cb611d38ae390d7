#pragma once

#include <string>
#include <string_view>
#include <vector>

/// What OpenAI's requests say, without their JSON.
namespace agp::api::openai {

enum class Role { system, developer, user, assistant };

[[nodiscard]] std::string_view to_string(Role role);

struct Message {
  Role role = Role::user;
  std::string text;  // its text parts, joined by line feeds

  friend bool operator==(const Message&, const Message&) = default;
};

/// What a language server takes: one text of the user's, with instructions before it.
struct Prompt {
  std::string instructions;  // may be empty
  std::string input;
};

/// The instructions, then those of system and developer, one paragraph each. The user's messages
/// after the last answer are the input; if something was said before them, a transcript of it
/// stands in front, since a new conversation of the language server cannot begin in the middle.
[[nodiscard]] Prompt to_prompt(std::string_view instructions, const std::vector<Message>& messages);

}  // namespace agp::api::openai
