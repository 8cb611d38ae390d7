#include "cli/forecast_text.h"

#include "cli/document.h"

#include <array>
#include <ctime>
#include <optional>

namespace agp::cli {
namespace {

constexpr std::time_t kWeek = std::time_t{7} * 24 * 60 * 60;

// The whole seconds of a time as the daemon writes it: 2026-11-22T04:00:00.000001Z.
std::optional<std::time_t> time_of(std::string_view text) {
  std::tm fields{};
  const std::string whole(text.substr(0, text.find('.')));
  if (::strptime(whole.c_str(), "%Y-%m-%dT%H:%M:%S", &fields) == nullptr) {
    return std::nullopt;
  }
  return ::timegm(&fields);
}

// As short as it can be told apart: the hour is today's, and a day of the week one of the next six.
std::string local_text(std::time_t at, std::optional<std::time_t> now) {
  std::tm then{};
  std::tm today{};
  if (::localtime_r(&at, &then) == nullptr || (now && ::localtime_r(&*now, &today) == nullptr)) {
    return kUnknown;
  }
  const bool is_today = now && then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
  const bool is_near = now && at - *now < kWeek && then.tm_wday != today.tm_wday;
  std::array<char, 32> text{};
  const char* form = is_today ? "%H:%M" : is_near ? "%a %H:%M" : "%b %e";
  return std::strftime(text.data(), text.size(), form, &then) == 0 ? kUnknown : text.data();
}

}  // namespace

std::string forecast_text(const boost::json::object& allowance, std::string_view now) {
  const auto* forecast = object_in(allowance, "forecast");
  if (forecast == nullptr) {
    return "";
  }
  const auto* rate = find(*forecast, "rate_per_hour");
  if (rate != nullptr && rate->is_number() && rate->to_number<double>() == 0) {
    return "not used";
  }
  const auto empty_at = time_of(text_of(*forecast, "empty_at"));
  if (!empty_at) {
    return "lasts until reset";
  }
  const auto present = time_of(now);
  return present && *empty_at <= *present ? "empty by now"
                                          : "empty " + local_text(*empty_at, present);
}

}  // namespace agp::cli
