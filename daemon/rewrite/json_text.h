#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Places in a JSON text, so that a value can be exchanged without touching the rest: a document
/// tree would give numbers, duplicate keys and white space back in another form.
namespace agp::rewrite {

/// A value with its quotes or brackets.
struct JsonSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
};

struct JsonMember {
  std::string name;  // unescaped
  JsonSpan value;
};

/// One whole JSON value, UTF-8, not nested too deeply. The functions below want such a text.
[[nodiscard]] bool is_json_text(std::string_view text);

[[nodiscard]] JsonSpan json_root(std::string_view text);
[[nodiscard]] std::vector<JsonMember> json_members(std::string_view text, JsonSpan object);
[[nodiscard]] std::vector<JsonSpan> json_elements(std::string_view text, JsonSpan array);
/// The value of a string.
[[nodiscard]] std::string json_string(std::string_view text, JsonSpan span);
[[nodiscard]] std::string json_quoted(std::string_view value);

}  // namespace agp::rewrite
