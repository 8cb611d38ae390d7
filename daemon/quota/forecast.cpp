#include "daemon/quota/forecast.h"

#include "daemon/quota/points.h"

#include <cstddef>

namespace agp::quota {
namespace {

using namespace std::chrono_literals;

constexpr auto kFresh = 15min;
constexpr auto kLeastBasis = 10min;
constexpr double kMostHours = 24.0 * 366;  // beyond that it is as good as never

std::size_t start_of_window(std::span<const Point> points) {
  std::size_t first = points.size() - 1;
  while (first > 0 && is_same_window(points[first - 1], points[first]) &&
         !is_reset_between(points[first - 1], points[first])) {
    --first;
  }
  return first;
}

std::size_t falls_in(std::span<const Point> points) {
  std::size_t falls = 0;
  for (std::size_t i = 1; i < points.size(); ++i) {
    falls += fall_between(points[i - 1], points[i]) > 0 ? 1U : 0U;
  }
  return falls;
}

std::optional<usage::Micros> empty_at(const Point& last, double rate_per_hour) {
  if (rate_per_hour <= 0 || last.remaining / rate_per_hour > kMostHours) {
    return std::nullopt;
  }
  const std::chrono::duration<double, std::ratio<3600>> left(last.remaining / rate_per_hour);
  const auto at = last.at + std::chrono::round<std::chrono::seconds>(left);
  return last.resets_at && at >= *last.resets_at ? std::nullopt : std::optional(at);
}

}  // namespace

std::optional<Forecast> forecast(std::span<const Point> points, usage::Micros now) {
  if (points.empty()) {
    return std::nullopt;
  }
  const auto& last = points.back();
  const bool is_over = last.resets_at && *last.resets_at <= now;
  if (is_over || now - last.at > kFresh || last.remaining <= 0) {
    return std::nullopt;
  }
  const auto window = points.subspan(start_of_window(points));
  const auto basis = last.at - window.front().at;
  if (basis < kLeastBasis || falls_in(window) == 1) {
    return std::nullopt;
  }
  Forecast out;
  out.basis = std::chrono::floor<std::chrono::seconds>(basis);
  const auto hours = std::chrono::duration<double, std::ratio<3600>>(basis).count();
  out.rate_per_hour = (window.front().remaining - last.remaining) / hours;
  out.empty_at = empty_at(last, out.rate_per_hour);
  return out;
}

}  // namespace agp::quota
