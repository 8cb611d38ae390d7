#include "daemon/api/openai/parameters.h"

#include <algorithm>
#include <array>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

namespace agp::api::openai {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxNameBytes = 64;  // of an unknown parameter, when it is told back
constexpr std::size_t kMaxPairs = 16;
constexpr std::size_t kMaxKeyCharacters = 64;
constexpr std::size_t kMaxValueCharacters = 512;

bool is_number(const json::value& value, int wanted) {
  return (value.is_int64() && value.get_int64() == wanted) ||
         (value.is_uint64() && std::cmp_equal(value.get_uint64(), wanted)) ||
         (value.is_double() && value.get_double() == wanted);
}

bool is_no_choice(const json::value& value) {
  return is_word(value, "none") || is_word(value, "auto");
}

bool is_usual_tier(const json::value& value) {
  return is_word(value, "auto") || is_word(value, "default");
}

constexpr std::array<Tolerated, 10> kTolerated{{
    {"temperature", is_one},
    {"top_p", is_one},
    {"top_logprobs", is_zero},
    {"tools", is_empty_array},
    {"tool_choice", is_no_choice},
    {"parallel_tool_calls", is_boolean},
    {"service_tier", is_usual_tier},
    {"user", is_text},
    {"safety_identifier", is_text},
    {"prompt_cache_key", is_text},
}};

const Tolerated* find(std::string_view name, std::span<const Tolerated> among) {
  const auto found = std::ranges::find(among, name, &Tolerated::name);
  return found == among.end() ? nullptr : &*found;
}

// Not in the middle of a code point: the name is told back as JSON.
std::string_view shortened(std::string_view name) {
  if (name.size() <= kMaxNameBytes) {
    return name;
  }
  std::size_t end = kMaxNameBytes;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return name.substr(0, end);
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

ApiError invalid_parameter(std::string param, std::string message, std::string hint) {
  return {400,
          "invalid_request_error",
          param.empty() ? "invalid_body" : "invalid_parameter",
          std::move(message),
          std::move(hint),
          std::move(param)};
}

ApiError unsupported_parameter(std::string_view param) {
  const std::string name(shortened(param));
  return {400,
          "invalid_request_error",
          "unsupported_parameter",
          "the parameter \"" + name + "\" is not supported with this value",
          "leave it out, or send its default",
          name};
}

bool is_false(const json::value& value) {
  return value.is_bool() && !value.get_bool();
}

bool is_boolean(const json::value& value) {
  return value.is_bool();
}

bool is_zero(const json::value& value) {
  return is_number(value, 0);
}

bool is_one(const json::value& value) {
  return is_number(value, 1);
}

bool is_text(const json::value& value) {
  return value.is_string();
}

bool is_empty_array(const json::value& value) {
  return value.is_array() && value.get_array().empty();
}

bool is_empty_object(const json::value& value) {
  return value.is_object() && value.get_object().empty();
}

bool is_word(const json::value& value, std::string_view word) {
  return value.is_string() && std::string_view(value.get_string()) == word;
}

Refusal check_tolerated(std::string_view name,
                        const json::value& value,
                        std::span<const Tolerated> more) {
  const auto* own = find(name, more);
  const auto* rule = own == nullptr ? find(name, kTolerated) : own;
  if (value.is_null() || (rule != nullptr && rule->is_harmless(value))) {
    return std::nullopt;
  }
  return unsupported_parameter(name);
}

Refusal check_members(std::string_view parent,
                      const json::value& value,
                      std::span<const Tolerated> members) {
  if (value.is_null()) {
    return std::nullopt;
  }
  const std::string name(parent);
  if (!value.is_object()) {
    return invalid_parameter(name, name + " must be an object");
  }
  for (const auto& member : value.get_object()) {
    const auto* rule = find(member.key(), members);
    if (!member.value().is_null() && (rule == nullptr || !rule->is_harmless(member.value()))) {
      return unsupported_parameter(name + "." + std::string(member.key()));
    }
  }
  return std::nullopt;
}

std::variant<json::object, ApiError> parse_object(std::string_view body) {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::system::error_code error;
  auto value = json::parse(body, error, {}, options);
  if (error || !value.is_object()) {
    return invalid_parameter("", "the body is not a JSON object");
  }
  return std::move(value.get_object());
}

Refusal read_text(std::string_view name, const json::value& value, std::string& out) {
  if (value.is_null()) {
    return std::nullopt;
  }
  if (!value.is_string()) {
    return invalid_parameter(std::string(name), std::string(name) + " must be a string");
  }
  out = value.get_string();
  return std::nullopt;
}

Refusal read_boolean(std::string_view name, const json::value& value, bool& out) {
  if (value.is_null()) {
    return std::nullopt;
  }
  if (!value.is_bool()) {
    return invalid_parameter(std::string(name), std::string(name) + " must be true or false");
  }
  out = value.get_bool();
  return std::nullopt;
}

Refusal read_count(std::string_view name,
                   const json::value& value,
                   std::uint64_t limit,
                   std::optional<std::uint64_t>& out) {
  if (value.is_null()) {
    return std::nullopt;
  }
  boost::system::error_code error;
  const auto number = value.to_number<std::uint64_t>(error);
  if (error || number == 0 || number > limit) {
    return invalid_parameter(
        std::string(name),
        std::string(name) + " must be a whole number from 1 to " + std::to_string(limit));
  }
  out = number;
  return std::nullopt;
}

Refusal read_metadata(const json::value& value, Metadata& out) {
  if (value.is_null()) {
    return std::nullopt;
  }
  if (!value.is_object() || value.get_object().size() > kMaxPairs) {
    return invalid_parameter("metadata", "metadata must be an object of at most 16 pairs");
  }
  for (const auto& pair : value.get_object()) {
    const auto* text = pair.value().if_string();
    if (text == nullptr || characters(pair.key()) > kMaxKeyCharacters ||
        characters(*text) > kMaxValueCharacters) {
      return invalid_parameter("metadata",
                               "metadata takes keys of 64 and string values of 512 characters");
    }
    out.emplace_back(pair.key(), *text);
  }
  return std::nullopt;
}

}  // namespace agp::api::openai
