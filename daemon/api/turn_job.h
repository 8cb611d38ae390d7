#pragma once

#include "daemon/api/openai/chat_request.h"
#include "daemon/api/openai/responses_request.h"
#include "daemon/api/turn.h"

#include <string>
#include <string_view>
#include <variant>

/// `POST /v1/responses` and `POST /v1/chat/completions`, as far as the body alone decides.
namespace agp::api {

/// A turn that somebody asks for, and the request that its answer repeats.
struct TurnJob {
  TurnRequest turn;  // cascade_id is not filled in: who may continue what is decided later
  std::variant<openai::ResponsesRequest, openai::ChatRequest> request;

  [[nodiscard]] bool wants_stream() const;
  /// The response to go on from; empty: none.
  [[nodiscard]] std::string previous_response_id() const;
};

/// Whatever a request asks for and would not get is refused by name.
[[nodiscard]] std::variant<TurnJob, ApiError> responses_job(std::string_view body);
[[nodiscard]] std::variant<TurnJob, ApiError> chat_job(std::string_view body);

}  // namespace agp::api
