#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

/// Going over the tokens of a JSON text at the speed of a memory search, without keeping anything.
namespace agp::usage {

/// The first quote, backslash or control character; `end` when there is none.
[[nodiscard]] const std::uint8_t* find_special(const std::uint8_t* at, const std::uint8_t* end);

/// Goes over plain text and well-formed escapes inside a string.
/// @return its closing quote, a fault, or where so little input is left that nobody can tell; that
///         may be among the digits of an escape, which are plain text by themselves.
[[nodiscard]] const std::uint8_t* skip_text(const std::uint8_t* at, const std::uint8_t* end);

/// Goes over the rest of a string that lies whole in the input.
/// @param at  behind the opening quote, or anywhere later but inside an escape.
/// @return its closing quote; null when it is not whole or not well-formed.
[[nodiscard]] const std::uint8_t* skip_string(const std::uint8_t* at, const std::uint8_t* end);

using SkipText = const std::uint8_t* (*)(const std::uint8_t* at, const std::uint8_t* end);
/// The ways of going over text that this processor has, for tests; skip_text() takes the best one.
[[nodiscard]] std::vector<SkipText> skip_text_ways();

/// RFC 8259, section 6.
[[nodiscard]] bool is_number(std::string_view text);

[[nodiscard]] inline bool is_number_octet(std::uint8_t c) {
  return (c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
}

}  // namespace agp::usage
