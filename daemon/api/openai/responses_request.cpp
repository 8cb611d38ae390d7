#include "daemon/api/openai/responses_request.h"

#include "daemon/api/openai/message_reader.h"

#include <algorithm>
#include <array>

namespace agp::api::openai {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxIdBytes = 128;

bool is_plain_format(const json::value& value) {
  return value.is_object() && value.get_object().size() == 1 &&
         value.get_object().contains("type") && is_word(value.get_object().at("type"), "text");
}

bool is_medium(const json::value& value) {
  return is_word(value, "medium");
}

// What the model says of its thoughts is passed on as a summary anyway.
bool is_auto(const json::value& value) {
  return is_word(value, "auto");
}

// The language server shortens long conversations by itself.
bool is_truncation(const json::value& value) {
  return is_word(value, "auto") || is_word(value, "disabled");
}

constexpr std::array<Tolerated, 3> kTolerated{{
    {"background", is_false},
    {"include", is_empty_array},
    {"truncation", is_truncation},
}};
constexpr std::array<Tolerated, 2> kText{{{"format", is_plain_format}, {"verbosity", is_medium}}};
constexpr std::array<Tolerated, 2> kReasoning{
    {{"summary", is_auto}, {"generate_summary", is_auto}}};
constexpr std::array<Tolerated, 1> kStreamOptions{{{"include_obfuscation", is_false}}};

bool is_response_id(std::string_view id) {
  return id.starts_with("resp_") && id.size() <= kMaxIdBytes && std::ranges::all_of(id, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '_' || c == '-';
         });
}

Refusal read_options(std::string_view name, const json::value& value) {
  if (name == "text") {
    return check_members(name, value, kText);
  }
  if (name == "reasoning") {
    return check_members(name, value, kReasoning);
  }
  if (name == "stream_options") {
    return check_members(name, value, kStreamOptions);
  }
  return check_tolerated(name, value, kTolerated);
}

Refusal read_parameter(std::string_view name,
                       const json::value& value,
                       const RequestLimits& limits,
                       ResponsesRequest& out) {
  if (name == "model") {
    return read_text(name, value, out.model);
  }
  if (name == "instructions") {
    return read_text(name, value, out.instructions);
  }
  if (name == "previous_response_id") {
    return read_text(name, value, out.previous_response_id);
  }
  if (name == "stream") {
    return read_boolean(name, value, out.stream);
  }
  if (name == "store") {
    return read_boolean(name, value, out.store);
  }
  if (name == "max_output_tokens") {
    return read_count(name, value, limits.output_tokens, out.max_output_tokens);
  }
  if (name == "metadata") {
    return read_metadata(value, out.metadata);
  }
  return read_options(name, value);
}

Refusal check(const ResponsesRequest& request, const RequestLimits& limits) {
  if (request.model.empty()) {
    return invalid_parameter("model", "model is missing or empty");
  }
  if (request.instructions.size() > limits.text_bytes) {
    auto refusal = invalid_parameter("instructions", "the instructions are too long");
    refusal.code = "string_above_max_length";
    return refusal;
  }
  if (!request.previous_response_id.empty() && !is_response_id(request.previous_response_id)) {
    return invalid_parameter("previous_response_id",
                             "previous_response_id is not the id of a response",
                             "ids begin with \"resp_\"");
  }
  return std::nullopt;
}

}  // namespace

std::variant<ResponsesRequest, ApiError> parse_responses_request(std::string_view body,
                                                                 const RequestLimits& limits) {
  auto parsed = parse_object(body);
  if (auto* refusal = std::get_if<ApiError>(&parsed)) {
    return std::move(*refusal);
  }
  const auto& object = std::get<json::object>(parsed);
  ResponsesRequest request;
  for (const auto& item : object) {
    if (item.key() == "input") {
      continue;
    }
    if (auto refusal = read_parameter(item.key(), item.value(), limits, request)) {
      return std::move(*refusal);
    }
  }
  if (auto refusal = check(request, limits)) {
    return std::move(*refusal);
  }
  const auto* input = object.if_contains("input");
  MessageReader reader(MessageReader::Dialect::responses, limits);
  if (auto refusal = reader.read(input == nullptr ? json::value(nullptr) : *input)) {
    return std::move(*refusal);
  }
  request.messages = reader.take();
  return request;
}

ApiError unknown_previous_response(std::string_view id) {
  return {404,
          "invalid_request_error",
          "previous_response_not_found",
          "previous response with id \"" + std::string(id.substr(0, kMaxIdBytes)) + "\" not found",
          "only responses that this service gave to you can be continued; send the conversation as "
          "input items instead",
          "previous_response_id"};
}

}  // namespace agp::api::openai
