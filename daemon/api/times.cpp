#include "daemon/api/times.h"

#include "daemon/ledger/ledger.h"

#include <charconv>
#include <optional>

namespace agp::api {
namespace {

using std::chrono::seconds;

constexpr std::size_t kLongestSpan = 6;  // digits: beyond any ledger, and far below overflow

Error not_a_time(std::string_view text) {
  return {ledger::Errc::invalid_query,
          "expected a time such as 2026-11-22T04:00:00Z, 2026-11-22, -7d, -24h or today, got \"" +
              std::string(text.substr(0, 64)) + "\""};
}

std::optional<usage::Micros> span_back(std::string_view text, usage::Micros now, const Zone& zone) {
  if (text.size() < 3 || text.size() > kLongestSpan + 2) {
    return std::nullopt;
  }
  const auto digits = text.substr(1, text.size() - 2);
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), count);
  if (error != std::errc() || end != digits.end() || count < 0) {
    return std::nullopt;
  }
  switch (text.back()) {
    case 's':
      return now - seconds(count);
    case 'm':
      return now - seconds(count * 60);
    case 'h':
      return now - seconds(count * 3600);
    case 'd':
      return zone.days_before(now, count);
    case 'w':
      return zone.days_before(now, count * 7);
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<usage::Micros> parse_time(std::string_view text, usage::Micros now, const Zone& zone) {
  const auto today = zone.day_of(now);
  if (text == "now") {
    return now;
  }
  if (text == "today") {
    return zone.start_of(today);
  }
  if (text == "yesterday") {
    return zone.start_of(today - std::chrono::days(1));
  }
  if (text.starts_with('-')) {
    const auto at = span_back(text, now, zone);
    return at ? Result<usage::Micros>(*at) : not_a_time(text);
  }
  if (const auto day = parse_date(text)) {
    return zone.start_of(*day);
  }
  const auto at = parse_rfc3339(text);
  return at ? Result<usage::Micros>(*at) : not_a_time(text);
}

}  // namespace agp::api
