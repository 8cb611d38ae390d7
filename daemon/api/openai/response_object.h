#pragma once

#include "daemon/api/openai/responses_request.h"
#include "daemon/api/openai/turn_collector.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

/// The objects of the Responses API.
namespace agp::api::openai {

/// What every answer to one request repeats.
struct ResponseHead {
  std::string id;               // "resp_…"
  std::int64_t created_at = 0;  // seconds since 1970
  ResponsesRequest request;
};

/// "msg_…" for the message, "rs_…" for the model's thoughts, made from the id of the response.
[[nodiscard]] std::string message_id(const ResponseHead& head);
[[nodiscard]] std::string reasoning_id(const ResponseHead& head, std::size_t output_index);

/// One entry of `output`.
struct OutputItem {
  enum class Kind { reasoning, message };
  enum class Status { in_progress, completed, incomplete };

  Kind kind = Kind::message;
  Status status = Status::in_progress;
  std::string id;
  std::string text;  // empty while a message is in progress: it has no content part yet
};
[[nodiscard]] boost::json::object item_object(const OutputItem& item);
[[nodiscard]] boost::json::object text_part(std::string_view text);
[[nodiscard]] boost::json::object summary_part(std::string_view text);

/// How a turn stands.
struct ResponseState {
  std::string_view status;  // "in_progress", "completed", "incomplete", "failed"
  std::string model;        // empty: as the client named it
  std::string cascade_id;
  std::vector<OutputItem> output;
  std::string_view incomplete_reason;  // empty: none
  std::optional<ApiError> error;
  std::optional<ledger::Sums> usage;
};
[[nodiscard]] boost::json::object response_object(const ResponseHead& head,
                                                  const ResponseState& state);

/// "completed" or "incomplete", and why.
struct ResponseEnd {
  std::string_view status;
  std::string_view incomplete_reason;
};
[[nodiscard]] ResponseEnd response_end(FinishReason reason);

/// The answer in one piece; a turn that failed is an error.
[[nodiscard]] Response render_response(const ResponseHead& head, const CollectedTurn& turn);

}  // namespace agp::api::openai
