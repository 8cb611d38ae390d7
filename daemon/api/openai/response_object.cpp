#include "daemon/api/openai/response_object.h"

#include "daemon/api/openai/usage_block.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api::openai {
namespace {

namespace json = boost::json;

std::string_view suffix(const ResponseHead& head) {
  const std::string_view id = head.id;
  return id.starts_with("resp_") ? id.substr(5) : id;
}

std::string_view to_string(OutputItem::Status status) {
  switch (status) {
    case OutputItem::Status::in_progress:
      return "in_progress";
    case OutputItem::Status::completed:
      return "completed";
    case OutputItem::Status::incomplete:
      return "incomplete";
  }
  return "";
}

json::value or_null(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

// The codes of a failed response are a closed list in the official SDKs; the message says more.
json::value error_value(const std::optional<ApiError>& error) {
  if (!error) {
    return nullptr;
  }
  std::string message = error->message;
  if (!error->hint.empty()) {
    message += "; " + error->hint;
  }
  return json::object{{"code", error->status == 429   ? "rate_limit_exceeded"
                               : error->status == 400 ? "invalid_prompt"
                                                      : "server_error"},
                      {"message", std::move(message)}};
}

json::object metadata_object(const Metadata& metadata) {
  json::object out;
  for (const auto& [key, value] : metadata) {
    out[key] = value;
  }
  return out;
}

}  // namespace

std::string message_id(const ResponseHead& head) {
  return "msg_" + std::string(suffix(head));
}

std::string reasoning_id(const ResponseHead& head, std::size_t output_index) {
  return "rs_" + std::string(suffix(head)) + "_" + std::to_string(output_index);
}

json::object text_part(std::string_view text) {
  return {{"type", "output_text"},
          {"annotations", json::array()},
          {"logprobs", json::array()},
          {"text", text}};
}

json::object summary_part(std::string_view text) {
  return {{"type", "summary_text"}, {"text", text}};
}

json::object item_object(const OutputItem& item) {
  const bool has_parts = item.status != OutputItem::Status::in_progress;
  json::object out{{"id", item.id}};
  if (item.kind == OutputItem::Kind::reasoning) {
    out["type"] = "reasoning";
    out["status"] = to_string(item.status);
    out["summary"] = has_parts ? json::array{summary_part(item.text)} : json::array();
    return out;
  }
  out["type"] = "message";
  out["status"] = to_string(item.status);
  out["role"] = "assistant";
  out["content"] = has_parts ? json::array{text_part(item.text)} : json::array();
  return out;
}

json::object response_object(const ResponseHead& head, const ResponseState& state) {
  const auto& request = head.request;
  json::array output;
  for (const auto& item : state.output) {
    output.push_back(item_object(item));
  }
  json::object out;
  out["id"] = head.id;
  out["object"] = "response";
  out["created_at"] = head.created_at;
  out["status"] = state.status;
  out["background"] = false;
  out["error"] = error_value(state.error);
  out["incomplete_details"] = state.incomplete_reason.empty()
                                  ? json::value(nullptr)
                                  : json::object{{"reason", state.incomplete_reason}};
  out["instructions"] = or_null(request.instructions);
  out["max_output_tokens"] =
      request.max_output_tokens ? json::value(*request.max_output_tokens) : json::value(nullptr);
  out["metadata"] = metadata_object(request.metadata);
  out["model"] = state.model.empty() ? request.model : state.model;
  out["output"] = std::move(output);
  out["parallel_tool_calls"] = false;
  out["previous_response_id"] = or_null(request.previous_response_id);
  out["reasoning"] = json::object{{"effort", nullptr}, {"summary", nullptr}};
  out["store"] = request.store;
  out["temperature"] = nullptr;
  out["text"] = json::object{{"format", json::object{{"type", "text"}}}};
  out["tool_choice"] = "auto";
  out["tools"] = json::array();
  out["top_p"] = nullptr;
  out["truncation"] = "disabled";
  auto usage = responses_usage(state.usage);
  out["usage"] = usage ? json::value(std::move(*usage)) : json::value(nullptr);
  out["antigravity_proxy"] = measured_block(state.cascade_id, state.usage);
  return out;
}

ResponseEnd response_end(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return {"completed", ""};
    case FinishReason::max_tokens:
      return {"incomplete", "max_output_tokens"};
    case FinishReason::content_filter:
      return {"incomplete", "content_filter"};
    case FinishReason::interrupted:
      return {"incomplete", "interrupted"};
  }
  return {"completed", ""};
}

Response render_response(const ResponseHead& head, const CollectedTurn& turn) {
  if (const auto* failed = std::get_if<TurnFailed>(&turn.end)) {
    return error_response(failed->error, true);
  }
  const auto& finished = std::get<TurnFinished>(turn.end);
  const auto end = response_end(finished.reason);
  const auto status = finished.reason == FinishReason::stop ? OutputItem::Status::completed
                                                            : OutputItem::Status::incomplete;
  ResponseState state;
  state.status = end.status;
  state.incomplete_reason = end.incomplete_reason;
  state.model = turn.model;
  state.cascade_id = turn.cascade_id;
  state.usage = finished.usage;
  if (!turn.reasoning.empty()) {
    state.output.push_back({OutputItem::Kind::reasoning, OutputItem::Status::completed,
                            reasoning_id(head, 0), turn.reasoning});
  }
  state.output.push_back({OutputItem::Kind::message, status, message_id(head), turn.text});
  Response response;
  response.body = json::serialize(response_object(head, state)) + "\n";
  return response;
}

}  // namespace agp::api::openai
