#include "daemon/api/rfc3339.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace agp::api {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

// Reads exactly `width` digits from the front.
std::optional<int> take_digits(std::string_view& text, std::size_t width) {
  if (text.size() < width) {
    return std::nullopt;
  }
  int value = 0;
  for (std::size_t i = 0; i < width; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return std::nullopt;
    }
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, char expected, char alternative) {
  if (text.empty() || (text.front() != expected && text.front() != alternative)) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-', '-')) {
    return std::nullopt;
  }
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-', '-')) {
    return std::nullopt;
  }
  const auto day = take_digits(text, 2);
  if (!day) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date);
}

std::optional<microseconds> take_clock(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':', ':')) {
    return std::nullopt;
  }
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59 || !take(text, ':', ':')) {
    return std::nullopt;
  }
  const auto second = take_digits(text, 2);
  if (!second || *second > 60) {  // 60: a leap second
    return std::nullopt;
  }
  microseconds out = std::chrono::hours(*hour) + std::chrono::minutes(*minute) + seconds(*second);
  if (!take(text, '.', '.')) {
    return out;
  }
  std::int64_t unit = 100'000;
  std::size_t digits = 0;
  while (auto digit = take_digits(text, 1)) {
    out += microseconds(*digit * unit);
    unit /= 10;
    ++digits;
  }
  return digits > 0 && digits <= 9 ? std::optional(out) : std::nullopt;
}

std::optional<microseconds> take_offset(std::string_view& text) {
  if (take(text, 'Z', 'z')) {
    return microseconds(0);
  }
  const bool is_west = !text.empty() && text.front() == '-';
  if (!take(text, '+', '-')) {
    return std::nullopt;
  }
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':', ':')) {
    return std::nullopt;
  }
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) {
    return std::nullopt;
  }
  const microseconds out = std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  return is_west ? -out : out;
}

}  // namespace

std::optional<std::chrono::sys_days> parse_date(std::string_view text) {
  const auto day = take_date(text);
  return text.empty() ? day : std::nullopt;
}

std::optional<usage::Micros> parse_rfc3339(std::string_view text) {
  const auto day = take_date(text);
  if (!day || !take(text, 'T', 't')) {
    return std::nullopt;
  }
  const auto clock = take_clock(text);
  const auto offset = clock ? take_offset(text) : std::nullopt;
  if (!offset || !text.empty()) {
    return std::nullopt;
  }
  return usage::Micros(*day) + *clock - *offset;
}

std::string to_rfc3339(usage::Micros at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(at - day);
  char text[64];
  (void)std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d",
                      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                      static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()));
  std::string out = text;
  if (clock.subseconds().count() != 0) {
    (void)std::snprintf(text, sizeof text, ".%06d", static_cast<int>(clock.subseconds().count()));
    out += text;
  }
  return out + "Z";
}

}  // namespace agp::api
