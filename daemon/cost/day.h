#pragma once

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>

namespace agp::cost {

/// "2026-03-13", nothing else.
[[nodiscard]] inline std::optional<std::chrono::sys_days> day_from(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') {
    return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t size) {
    unsigned value = 0;
    const char* end = text.data() + at + size;
    const auto [stop, problem] = std::from_chars(text.data() + at, end, value);
    return problem == std::errc{} && stop == end ? value : 0U;  // no part of a date is zero
  };
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(number(0, 4))},
                                         std::chrono::month{number(5, 2)},
                                         std::chrono::day{number(8, 2)}};
  return date.ok() && date.year() > std::chrono::year{0}
             ? std::optional(std::chrono::sys_days{date})
             : std::nullopt;
}

}  // namespace agp::cost
