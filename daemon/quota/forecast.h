#pragma once

#include "daemon/quota/sample.h"

#include <chrono>
#include <optional>
#include <span>

namespace agp::quota {

struct Forecast {
  /// When nothing is left at that rate; empty: it lasts until it resets, or is not used at all.
  std::optional<usage::Micros> empty_at;
  double rate_per_hour = 0;
  std::chrono::seconds basis{};  // from the first point that counts to the last
};

/// The mean rate of the present window, drawn on: from the first point that names the same end of
/// the window to the last one, without anything given back between. Nothing while that is too
/// little to go by: less than ten minutes, or a single fall (the next one may be a minute or a day
/// away), a last point older than 15 minutes, a window that is over, or a quota that is used up.
[[nodiscard]] std::optional<Forecast> forecast(std::span<const Point> points, usage::Micros now);

}  // namespace agp::quota
