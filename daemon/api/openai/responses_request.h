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

/// `POST /v1/responses`.
struct ResponsesRequest {
  std::string model;                 // as the client named it
  std::vector<Message> messages;     // in order; the last that is not an instruction is the user's
  std::string instructions;          // empty: none
  std::string previous_response_id;  // empty: a new conversation
  std::optional<std::uint64_t> max_output_tokens;
  Metadata metadata;
  bool stream = false;
  bool store = true;
};

/// Whatever a request asks for and would not get is refused by name.
[[nodiscard]] std::variant<ResponsesRequest, ApiError> parse_responses_request(
    std::string_view body, const RequestLimits& limits = {});

/// `previous_response_id` names nothing that the caller may continue.
[[nodiscard]] ApiError unknown_previous_response(std::string_view id);

}  // namespace agp::api::openai
