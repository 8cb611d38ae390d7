#include "daemon/usage/number.h"

#include "daemon/usage/limits.h"

#include <algorithm>
#include <string>

namespace agp::usage {
namespace {

constexpr std::size_t kMaxDigits = 13;  // of 10^12

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<std::uint64_t> in_range(std::string_view digits) {
  std::uint64_t value = 0;
  for (const char c : digits) {
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (value > kMaxCount) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view number) {
  if (const auto plain = parse_count_string(number)) {
    return plain;  // nearly all of them
  }
  const bool is_negative = !number.empty() && number.front() == '-';
  if (is_negative) {
    number.remove_prefix(1);
  }
  std::string digits;
  long exponent = 0;
  std::size_t at = 0;
  bool in_fraction = false;
  for (; at < number.size() && number[at] != 'e' && number[at] != 'E'; ++at) {
    if (number[at] == '.' && !in_fraction) {
      in_fraction = true;
      continue;
    }
    if (!is_digit(number[at])) {
      return std::nullopt;
    }
    digits.push_back(number[at]);
    exponent -= in_fraction ? 1 : 0;
  }
  if (digits.empty()) {
    return std::nullopt;
  }
  if (at < number.size()) {
    ++at;
    const bool is_minus = at < number.size() && number[at] == '-';
    if (at < number.size() && (number[at] == '-' || number[at] == '+')) {
      ++at;
    }
    if (at == number.size()) {
      return std::nullopt;
    }
    long written = 0;
    for (; at < number.size(); ++at) {
      if (!is_digit(number[at])) {
        return std::nullopt;
      }
      written = std::min(written * 10 + (number[at] - '0'), 1'000'000L);
    }
    exponent += is_minus ? -written : written;
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) {
    return 0;
  }
  while (exponent < 0 && digits.back() == '0') {
    digits.pop_back();
    ++exponent;
  }
  if (is_negative || exponent < 0 ||
      static_cast<long>(digits.size()) + exponent > static_cast<long>(kMaxDigits)) {
    return std::nullopt;
  }
  digits.append(static_cast<std::size_t>(exponent), '0');
  return in_range(digits);
}

std::optional<std::uint64_t> parse_count_string(std::string_view text) {
  if (text.empty() || text.size() > kMaxDigits ||
      !std::all_of(text.begin(), text.end(), is_digit)) {
    return std::nullopt;
  }
  return in_range(text);
}

}  // namespace agp::usage
