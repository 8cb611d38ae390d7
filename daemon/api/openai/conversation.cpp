#include "daemon/api/openai/conversation.h"

namespace agp::api::openai {
namespace {

void append_paragraph(std::string& out, std::string_view text) {
  if (text.empty()) {
    return;
  }
  if (!out.empty()) {
    out += "\n\n";
  }
  out += text;
}

bool is_instruction(Role role) {
  return role == Role::system || role == Role::developer;
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::system:
      return "system";
    case Role::developer:
      return "developer";
    case Role::user:
      return "user";
    case Role::assistant:
      return "assistant";
  }
  return "";
}

Prompt to_prompt(std::string_view instructions, const std::vector<Message>& messages) {
  std::size_t first_new = 0;  // what comes after the last answer
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == Role::assistant) {
      first_new = i + 1;
    }
  }
  Prompt out;
  append_paragraph(out.instructions, instructions);
  std::string earlier;
  std::string now;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& message = messages[i];
    if (is_instruction(message.role)) {
      append_paragraph(out.instructions, message.text);
    } else if (i >= first_new) {
      append_paragraph(now, message.text);
    } else if (!message.text.empty()) {
      append_paragraph(earlier, message.role == Role::user ? "User:" : "Assistant:");
      earlier += '\n';
      earlier += message.text;
    }
  }
  if (earlier.empty()) {
    out.input = std::move(now);
    return out;
  }
  out.input = "The conversation so far:\n\n" + earlier + "\n\nThe user now says:\n\n" + now;
  return out;
}

}  // namespace agp::api::openai
