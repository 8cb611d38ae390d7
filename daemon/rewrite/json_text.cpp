#include "daemon/rewrite/json_text.h"

#include "daemon/rewrite/limits.h"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

namespace agp::rewrite {
namespace {

namespace json = boost::json;

/// Accepts what is JSON and builds nothing.
struct NullHandler {
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using Code = json::error_code;
  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(std::size_t, Code&) { return true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t, Code&) { return true; }
  bool on_key_part(json::string_view, std::size_t, Code&) { return true; }
  bool on_key(json::string_view, std::size_t, Code&) { return true; }
  bool on_string_part(json::string_view, std::size_t, Code&) { return true; }
  bool on_string(json::string_view, std::size_t, Code&) { return true; }
  bool on_number_part(json::string_view, Code&) { return true; }
  bool on_int64(std::int64_t, json::string_view, Code&) { return true; }
  bool on_uint64(std::uint64_t, json::string_view, Code&) { return true; }
  bool on_double(double, json::string_view, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(json::string_view, Code&) { return true; }
  bool on_comment(json::string_view, Code&) { return true; }
};

std::size_t skip_space(std::string_view text, std::size_t at) {
  const std::size_t next = text.find_first_not_of(" \t\r\n", at);
  return next == std::string_view::npos ? text.size() : next;
}

std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') {
      ++at;
    }
  }
  return at + 1;
}

/// Behind the value that begins at `at`.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  if (text[at] == '"') {
    return end_of_string(text, at);
  }
  if (text[at] != '{' && text[at] != '[') {
    const std::size_t end = text.find_first_of(",]} \t\r\n", at);
    return end == std::string_view::npos ? text.size() : end;
  }
  std::size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = end_of_string(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      break;
    }
  }
  return at;
}

}  // namespace

bool is_json_text(std::string_view text) {
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::basic_parser<NullHandler> parser(options);
  json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  return !ec && parser.done() && used == text.size();
}

JsonSpan json_root(std::string_view text) {
  const std::size_t begin = skip_space(text, 0);
  return {begin, end_of_value(text, begin)};
}

std::vector<JsonMember> json_members(std::string_view text, JsonSpan object) {
  std::vector<JsonMember> members;
  std::size_t at = skip_space(text, object.begin + 1);
  while (at < object.end && text[at] == '"') {
    const std::size_t name_end = end_of_string(text, at);
    JsonMember member{json_string(text, {at, name_end}), {}};
    member.value.begin = skip_space(text, skip_space(text, name_end) + 1);
    member.value.end = end_of_value(text, member.value.begin);
    at = skip_space(text, member.value.end);
    if (text[at] == ',') {
      at = skip_space(text, at + 1);
    }
    members.push_back(std::move(member));
  }
  return members;
}

std::vector<JsonSpan> json_elements(std::string_view text, JsonSpan array) {
  std::vector<JsonSpan> elements;
  std::size_t at = skip_space(text, array.begin + 1);
  while (at < array.end && text[at] != ']') {
    const JsonSpan element{at, end_of_value(text, at)};
    elements.push_back(element);
    at = skip_space(text, element.end);
    if (text[at] == ',') {
      at = skip_space(text, at + 1);
    }
  }
  return elements;
}

std::string json_string(std::string_view text, JsonSpan span) {
  json::error_code ec;
  const json::value value = json::parse(text.substr(span.begin, span.end - span.begin), ec);
  return !ec && value.is_string() ? std::string(value.as_string()) : std::string();
}

std::string json_quoted(std::string_view value) {
  return json::serialize(json::value(json::string_view(value)));
}

}  // namespace agp::rewrite
