#pragma once

#include "daemon/api/http.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

/// What the readers of both kinds of request share.
namespace agp::api::openai {

/// Beyond these a request is refused, whatever the server's limit on bodies is.
struct RequestLimits {
  std::size_t messages = 2048;
  std::size_t parts = 8192;                      // of all messages
  std::size_t text_bytes = 8U * 1024U * 1024U;   // of all messages and the instructions
  std::uint64_t output_tokens = 1'000'000'000U;  // that may be asked for
};

using Metadata = std::vector<std::pair<std::string, std::string>>;
using Refusal = std::optional<ApiError>;  // empty: nothing is wrong

[[nodiscard]] ApiError invalid_parameter(std::string param,
                                         std::string message,
                                         std::string hint = "");
/// It would not do what it says; silently ignoring it would be worse.
[[nodiscard]] ApiError unsupported_parameter(std::string_view param);

/// A parameter that may stand there as long as its value asks for what happens anyway.
struct Tolerated {
  std::string_view name;
  bool (*is_harmless)(const boost::json::value& value);
};
[[nodiscard]] bool is_false(const boost::json::value& value);
[[nodiscard]] bool is_boolean(const boost::json::value& value);
[[nodiscard]] bool is_zero(const boost::json::value& value);
[[nodiscard]] bool is_one(const boost::json::value& value);
[[nodiscard]] bool is_text(const boost::json::value& value);
[[nodiscard]] bool is_empty_array(const boost::json::value& value);
[[nodiscard]] bool is_empty_object(const boost::json::value& value);
[[nodiscard]] bool is_word(const boost::json::value& value, std::string_view word);

/// Null asks for the default of everything. Sampling defaults, empty tools, tiers, and names of the
/// caller that change no answer are tolerated for both kinds of request, besides `more`.
[[nodiscard]] Refusal check_tolerated(std::string_view name,
                                      const boost::json::value& value,
                                      std::span<const Tolerated> more);
/// The same for the members of an object: the parameter at fault is named "parent.member".
[[nodiscard]] Refusal check_members(std::string_view parent,
                                    const boost::json::value& value,
                                    std::span<const Tolerated> members);

[[nodiscard]] std::variant<boost::json::object, ApiError> parse_object(std::string_view body);
[[nodiscard]] Refusal read_text(std::string_view name,
                                const boost::json::value& value,
                                std::string& out);
[[nodiscard]] Refusal read_boolean(std::string_view name,
                                   const boost::json::value& value,
                                   bool& out);
/// @param limit  the largest number taken; the smallest is 1.
[[nodiscard]] Refusal read_count(std::string_view name,
                                 const boost::json::value& value,
                                 std::uint64_t limit,
                                 std::optional<std::uint64_t>& out);
/// At most 16 pairs, keys of 64 and values of 512 characters, as OpenAI has it.
[[nodiscard]] Refusal read_metadata(const boost::json::value& value, Metadata& out);

}  // namespace agp::api::openai
