#include "daemon/api/openai/message_reader.h"

#include <optional>

#include <boost/json/array.hpp>

namespace agp::api::openai {
namespace {

namespace json = boost::json;

std::optional<Role> role_of(const json::value& value) {
  for (const auto role : {Role::system, Role::developer, Role::user, Role::assistant}) {
    if (is_word(value, to_string(role))) {
      return role;
    }
  }
  return std::nullopt;
}

std::string place(const std::string& parent, std::size_t index) {
  return parent + "[" + std::to_string(index) + "]";
}

ApiError too_large(std::string_view param, const char* code, std::string message) {
  auto refusal = invalid_parameter(std::string(param), std::move(message));
  refusal.code = code;
  return refusal;
}

}  // namespace

std::string_view MessageReader::parameter() const {
  return dialect_ == Dialect::responses ? "input" : "messages";
}

Refusal MessageReader::read(const json::value& value) {
  if (const auto* items = value.if_array()) {
    return read_array(*items);
  }
  const std::string name(parameter());
  if (const auto* text = value.if_string(); text != nullptr && dialect_ == Dialect::responses) {
    Message message;
    if (auto refusal = add_text(*text, true, message)) {
      return refusal;
    }
    messages_.push_back(std::move(message));
    return check_end();
  }
  return invalid_parameter(name, dialect_ == Dialect::responses
                                     ? "input is missing or neither a string nor an array"
                                     : "messages is missing or not an array");
}

Refusal MessageReader::read_array(const json::array& items) {
  const std::string name(parameter());
  if (items.size() > limits_.messages) {
    return too_large(
        name, "array_above_max_length",
        name + " takes at most " + std::to_string(limits_.messages) + " messages in one request");
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (auto refusal = read_item(items[i], place(name, i))) {
      return refusal;
    }
  }
  return check_end();
}

Refusal MessageReader::read_item(const json::value& item, const std::string& at) {
  const auto* object = item.if_object();
  if (object == nullptr) {
    return invalid_parameter(at, at + " must be a message object");
  }
  if (const auto* type = object->if_contains("type"); type != nullptr && !type->is_null()) {
    // Clients send back the whole output of the answer before; what we said of the model's
    // thoughts is in it and is of no use to the model.
    if (dialect_ == Dialect::responses && is_word(*type, "reasoning")) {
      return std::nullopt;
    }
    if (!is_word(*type, "message")) {
      return invalid_parameter(at + ".type", "only messages are supported here",
                               "tools and their results cannot be passed on");
    }
  }
  const auto* role = object->if_contains("role");
  const auto known = role == nullptr ? std::nullopt : role_of(*role);
  if (!known) {
    return invalid_parameter(at + ".role", "the role must be system, developer, user or assistant");
  }
  for (const auto* member : {"tool_calls", "function_call", "audio", "refusal"}) {
    const auto* value = object->if_contains(member);
    if (value != nullptr && !value->is_null() && !is_empty_array(*value)) {
      return unsupported_parameter(at + "." + member);
    }
  }
  Message message;
  message.role = *known;
  const auto* content = object->if_contains("content");
  if (content == nullptr) {
    return invalid_parameter(at + ".content", "the message has no content");
  }
  if (auto refusal = read_content(*content, at + ".content", message)) {
    return refusal;
  }
  messages_.push_back(std::move(message));
  return std::nullopt;
}

Refusal MessageReader::read_content(const json::value& content,
                                    const std::string& at,
                                    Message& out) {
  if (const auto* text = content.if_string()) {
    return add_text(*text, true, out);
  }
  const auto* parts = content.if_array();
  if (parts == nullptr) {
    return invalid_parameter(at, "content must be a string or an array of text parts");
  }
  for (std::size_t i = 0; i < parts->size(); ++i) {
    if (auto refusal = read_part((*parts)[i], place(at, i), out)) {
      return refusal;
    }
  }
  return std::nullopt;
}

Refusal MessageReader::read_part(const json::value& part, const std::string& at, Message& out) {
  const std::string_view wanted = dialect_ == Dialect::chat     ? "text"
                                  : out.role == Role::assistant ? "output_text"
                                                                : "input_text";
  const auto* object = part.if_object();
  const auto* type = object == nullptr ? nullptr : object->if_contains("type");
  if (type == nullptr || !is_word(*type, wanted)) {
    return invalid_parameter(at, "the content must be of type " + std::string(wanted),
                             "images, files and sound are not supported");
  }
  const auto* text = object->if_contains("text");
  if (text == nullptr || !text->is_string()) {
    return invalid_parameter(at + ".text", "the text is missing or not a string");
  }
  return add_text(text->get_string(), out.text.empty(), out);
}

Refusal MessageReader::add_text(std::string_view text, bool is_first, Message& out) {
  ++parts_;
  text_bytes_ += text.size();
  if (parts_ > limits_.parts) {
    return too_large(parameter(), "array_above_max_length",
                     "there are more than " + std::to_string(limits_.parts) + " content parts");
  }
  if (text_bytes_ > limits_.text_bytes) {
    return too_large(parameter(), "string_above_max_length",
                     "the text is larger than " + std::to_string(limits_.text_bytes) + " bytes");
  }
  if (!is_first) {
    out.text += '\n';
  }
  out.text += text;
  return std::nullopt;
}

Refusal MessageReader::check_end() const {
  const std::string name(parameter());
  for (auto last = messages_.rbegin(); last != messages_.rend(); ++last) {
    if (last->role == Role::assistant) {
      return invalid_parameter(name, "the last message must be the user's",
                               "an answer that was begun cannot be continued");
    }
    if (last->role == Role::user && !last->text.empty()) {
      return std::nullopt;
    }
  }
  return invalid_parameter(name, name + " holds no text of the user's");
}

}  // namespace agp::api::openai
