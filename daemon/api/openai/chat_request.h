#pragma once

#include "daemon/api/openai/conversation.h"
#include "daemon/api/openai/parameters.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agp::api::openai {

/// `POST /v1/chat/completions`.
struct ChatRequest {
  std::string model;              // as the client named it
  std::vector<Message> messages;  // in order; the last that is not an instruction is the user's
  std::optional<std::uint64_t> max_output_tokens;  // under either of its names
  Metadata metadata;
  bool stream = false;
  bool include_usage = false;
};

/// Whatever a request asks for and would not get is refused by name.
[[nodiscard]] std::variant<ChatRequest, ApiError> parse_chat_request(
    std::string_view body, const RequestLimits& limits = {});

}  // namespace agp::api::openai
