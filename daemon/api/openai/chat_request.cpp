#include "daemon/api/openai/chat_request.h"

#include "daemon/api/openai/message_reader.h"

#include <array>

#include <boost/json/array.hpp>

namespace agp::api::openai {
namespace {

namespace json = boost::json;

bool is_plain_format(const json::value& value) {
  return value.is_object() && value.get_object().size() == 1 &&
         value.get_object().contains("type") && is_word(value.get_object().at("type"), "text");
}

bool is_text_alone(const json::value& value) {
  return value.is_array() && value.get_array().size() == 1 &&
         is_word(value.get_array().front(), "text");
}

bool is_medium(const json::value& value) {
  return is_word(value, "medium");
}

bool is_no_call(const json::value& value) {
  return is_word(value, "none") || is_word(value, "auto");
}

constexpr std::array<Tolerated, 12> kTolerated{{
    {"n", is_one},
    {"presence_penalty", is_zero},
    {"frequency_penalty", is_zero},
    {"logit_bias", is_empty_object},
    {"logprobs", is_false},
    {"stop", is_empty_array},
    {"functions", is_empty_array},
    {"function_call", is_no_call},
    {"response_format", is_plain_format},
    {"modalities", is_text_alone},
    {"verbosity", is_medium},
    {"store", is_false},
}};
constexpr std::array<Tolerated, 2> kStreamOptions{
    {{"include_usage", is_boolean}, {"include_obfuscation", is_false}}};

Refusal read_stream_options(const json::value& value, ChatRequest& out) {
  if (auto refusal = check_members("stream_options", value, kStreamOptions)) {
    return refusal;
  }
  const auto* options = value.if_object();
  const auto* usage = options == nullptr ? nullptr : options->if_contains("include_usage");
  out.include_usage = usage != nullptr && usage->is_bool() && usage->get_bool();
  return std::nullopt;
}

Refusal read_parameter(std::string_view name,
                       const json::value& value,
                       const RequestLimits& limits,
                       ChatRequest& out) {
  if (name == "model") {
    return read_text(name, value, out.model);
  }
  if (name == "stream") {
    return read_boolean(name, value, out.stream);
  }
  if (name == "stream_options") {
    return read_stream_options(value, out);
  }
  if (name == "max_tokens" || name == "max_completion_tokens") {
    if (out.max_output_tokens && !value.is_null()) {
      return invalid_parameter(std::string(name),
                               "max_tokens and max_completion_tokens exclude each other");
    }
    return read_count(name, value, limits.output_tokens, out.max_output_tokens);
  }
  if (name == "metadata") {
    return read_metadata(value, out.metadata);
  }
  return check_tolerated(name, value, kTolerated);
}

}  // namespace

std::variant<ChatRequest, ApiError> parse_chat_request(std::string_view body,
                                                       const RequestLimits& limits) {
  auto parsed = parse_object(body);
  if (auto* refusal = std::get_if<ApiError>(&parsed)) {
    return std::move(*refusal);
  }
  const auto& object = std::get<json::object>(parsed);
  ChatRequest request;
  for (const auto& item : object) {
    if (item.key() == "messages") {
      continue;
    }
    if (auto refusal = read_parameter(item.key(), item.value(), limits, request)) {
      return std::move(*refusal);
    }
  }
  if (request.model.empty()) {
    return invalid_parameter("model", "model is missing or empty");
  }
  const auto* options = object.if_contains("stream_options");
  if (!request.stream && options != nullptr && !options->is_null()) {
    return invalid_parameter("stream_options", "stream_options is for requests with stream: true");
  }
  const auto* messages = object.if_contains("messages");
  MessageReader reader(MessageReader::Dialect::chat, limits);
  if (auto refusal = reader.read(messages == nullptr ? json::value(nullptr) : *messages)) {
    return std::move(*refusal);
  }
  request.messages = reader.take();
  return request;
}

}  // namespace agp::api::openai
