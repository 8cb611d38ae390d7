#include "daemon/quota/points.h"

#include <chrono>

namespace agp::quota {
namespace {

constexpr std::chrono::minutes kJitter(1);

bool is_full(const Point& point) {
  return point.remaining >= 1;
}

bool is_window_over(const Point& before, const Point& after) {
  return before.resets_at && after.at >= *before.resets_at;
}

}  // namespace

bool is_same_window(const Point& before, const Point& after) {
  if (!before.resets_at || !after.resets_at) {
    return before.resets_at == after.resets_at;
  }
  return std::chrono::abs(*after.resets_at - *before.resets_at) < kJitter;
}

bool is_same(const Point& before, const Point& after) {
  return before.remaining == after.remaining && (is_full(before) || is_same_window(before, after));
}

bool is_reset_between(const Point& before, const Point& after) {
  return is_window_over(before, after) || after.remaining > before.remaining;
}

double fall_between(const Point& before, const Point& after) {
  if (after.remaining >= before.remaining || (!is_full(before) && is_window_over(before, after))) {
    return 0;
  }
  return before.remaining - after.remaining;
}

Placement place(std::span<const Point> before,
                const std::optional<Point>& after,
                const Point& point) {
  if (before.empty()) {
    return Placement::added;
  }
  const auto& last = before.back();
  if (last.at == point.at) {
    return Placement::not_needed;
  }
  const bool goes_on = is_same(last, point);
  if (goes_on && after && is_same(point, *after)) {
    return Placement::not_needed;
  }
  return goes_on && before.size() > 1 && is_same(before[before.size() - 2], last)
             ? Placement::moves_last
             : Placement::added;
}

}  // namespace agp::quota
