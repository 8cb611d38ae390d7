#include "daemon/api/responses_api.h"

#include <boost/asio/error.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api {
namespace {

namespace json = boost::json;

ApiError bad(std::string param, std::string message, std::string hint = "") {
  return {400,
          "invalid_request_error",
          param.empty() ? "invalid_body" : "invalid_parameter",
          std::move(message),
          std::move(hint),
          std::move(param)};
}

// Appends the text parts of one message's content; false when there is anything else in it.
bool append_content(const json::value& content, std::string& out) {
  if (const auto* text = content.if_string()) {
    out.append(text->data(), text->size());
    return true;
  }
  const auto* parts = content.if_array();
  if (parts == nullptr) {
    return false;
  }
  for (const auto& part : *parts) {
    const auto* object = part.if_object();
    const auto* type = object == nullptr ? nullptr : object->if_contains("type");
    const auto* text = object == nullptr ? nullptr : object->if_contains("text");
    if (type == nullptr || !type->is_string() || type->get_string() != "input_text" ||
        text == nullptr || !text->is_string()) {
      return false;
    }
    if (!out.empty()) {
      out += '\n';
    }
    out.append(text->get_string().data(), text->get_string().size());
  }
  return true;
}

std::optional<ApiError> read_input(const json::value& input, std::string& out) {
  if (const auto* text = input.if_string()) {
    out.assign(text->data(), text->size());
  } else if (const auto* items = input.if_array()) {
    if (items->size() != 1) {
      return bad("input", "input must hold exactly one user message",
                 "send one message per request; earlier turns cannot be replayed");
    }
    const auto* item = items->front().if_object();
    const auto* role = item == nullptr ? nullptr : item->if_contains("role");
    const auto* content = item == nullptr ? nullptr : item->if_contains("content");
    if (role == nullptr || !role->is_string() || role->get_string() != "user" ||
        content == nullptr || !append_content(*content, out)) {
      return bad("input", "input must be a string or one message of role \"user\" with text parts",
                 "use {\"role\":\"user\",\"content\":\"...\"} or content parts of type input_text");
    }
  } else {
    return bad("input", "input is missing or neither a string nor an array");
  }
  if (out.empty()) {
    return bad("input", "input is empty");
  }
  return std::nullopt;
}

// Parameters that may stand there because their value asks for what happens anyway.
bool is_harmless(std::string_view key, const json::value& value) {
  if (value.is_null()) {
    return true;
  }
  if (key == "stream" || key == "background" || key == "store") {
    return value.is_bool() && !value.get_bool();
  }
  if (key == "metadata") {
    return value.is_object() && value.get_object().empty();
  }
  if (key == "tools" || key == "include") {
    return value.is_array() && value.get_array().empty();
  }
  return false;
}

json::value usage_value(const std::optional<ledger::Sums>& sums) {
  if (!sums || sums->calls == sums->usage_unknown) {
    return nullptr;
  }
  const bool reasoning_known = sums->reasoning_unknown == 0;
  json::object out;
  out["input_tokens"] = sums->input_total;
  out["input_tokens_details"] = json::object{{"cached_tokens", sums->cached_input}};
  out["output_tokens"] = sums->output_total;
  out["output_tokens_details"] = json::object{
      {"reasoning_tokens", reasoning_known ? json::value(sums->reasoning) : json::value(nullptr)}};
  out["total_tokens"] = sums->total;
  return out;
}

}  // namespace

std::variant<TurnRequest, ApiError> parse_turn(std::string_view body) {
  json::parse_options options;
  options.max_depth = 64;
  boost::system::error_code error;
  const auto value = json::parse(body, error, {}, options);
  if (error || !value.is_object()) {
    return bad("", "the body is not a JSON object");
  }
  TurnRequest request;
  bool has_input = false;
  for (const auto& item : value.get_object()) {
    const std::string key(item.key());
    if (key == "model" || key == "instructions") {
      if (key == "instructions" && item.value().is_null()) {
        continue;
      }
      if (!item.value().is_string()) {
        return bad(key, key + " must be a string");
      }
      (key == "model" ? request.model : request.instructions) = item.value().get_string();
    } else if (key == "input") {
      has_input = true;
      if (auto refusal = read_input(item.value(), request.input)) {
        return *refusal;
      }
    } else if (!is_harmless(key, item.value())) {
      ApiError refusal =
          bad(key.substr(0, 64), "the parameter \"" + key.substr(0, 64) + "\" is not supported",
              "supported are model, input and instructions");
      refusal.code = "unsupported_parameter";
      return refusal;
    }
  }
  if (request.model.empty()) {
    return bad("model", "model is missing or empty");
  }
  if (!has_input) {
    return bad("input", "input is missing");
  }
  return request;
}

Response render_turn(const TurnResult& result,
                     const TurnRequest& request,
                     usage::Micros started_at) {
  json::object part{{"type", "output_text"}, {"text", result.text}, {"annotations", json::array()}};
  json::object message{{"type", "message"},
                       {"id", "msg_" + result.response_id},
                       {"status", "completed"},
                       {"role", "assistant"},
                       {"content", json::array{std::move(part)}}};
  json::object out;
  out["id"] = result.response_id;
  out["object"] = "response";
  out["created_at"] =
      std::chrono::floor<std::chrono::seconds>(started_at).time_since_epoch().count();
  out["status"] = "completed";
  out["error"] = nullptr;
  out["incomplete_details"] = nullptr;
  out["instructions"] =
      request.instructions.empty() ? json::value(nullptr) : json::value(request.instructions);
  out["model"] = result.model;
  out["output"] = json::array{std::move(message)};
  out["parallel_tool_calls"] = false;
  out["previous_response_id"] = nullptr;
  out["store"] = false;
  out["usage"] = usage_value(result.usage);
  // How far the numbers above can be trusted, for those who want to know.
  json::object measured{{"cascade_id", result.cascade_id}};
  measured["calls"] = result.usage ? json::value(result.usage->calls) : json::value(nullptr);
  measured["usage_unknown"] =
      result.usage ? json::value(result.usage->usage_unknown) : json::value(nullptr);
  out["antigravity_proxy"] = std::move(measured);
  Response response;
  response.body = json::serialize(out) + "\n";
  return response;
}

Response render_turn_error(const Error& error) {
  const bool timed_out = error.code == boost::asio::error::timed_out;
  return error_response({timed_out ? 504U : 503U, "server_error",
                         timed_out ? "turn_timed_out" : "language_server_unavailable", error.text(),
                         "antigravity-proxy status says what the language server waits for", ""},
                        true);
}

}  // namespace agp::api
