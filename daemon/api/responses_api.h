#pragma once

#include "daemon/api/http.h"
#include "daemon/api/turn.h"

#include <string_view>
#include <variant>

/// `POST /v1/responses` in OpenAI's shapes.
namespace agp::api {

/// Reads {model, input, instructions?}. Whatever else a request asks for and would not get is
/// refused by name.
[[nodiscard]] std::variant<TurnRequest, ApiError> parse_turn(std::string_view body);

/// A response object; `usage` is null when nothing was measured.
[[nodiscard]] Response render_turn(const TurnResult& result,
                                   const TurnRequest& request,
                                   usage::Micros started_at);

/// A turn that failed.
[[nodiscard]] Response render_turn_error(const Error& error);

}  // namespace agp::api
