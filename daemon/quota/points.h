#pragma once

#include "daemon/quota/sample.h"

#include <optional>
#include <span>

/// What two points that follow each other say together.
namespace agp::quota {

/// Both say the same, so that a run of such points needs only its first and its last. A quota that
/// is full says so until its first use, whatever end of a window stands beside it.
[[nodiscard]] bool is_same(const Point& before, const Point& after);

/// They name the same end of a window, to the minute, or none both of them.
[[nodiscard]] bool is_same_window(const Point& before, const Point& after);

/// The window of `before` was over at `after`, or something was given back.
[[nodiscard]] bool is_reset_between(const Point& before, const Point& after);

/// How far it fell; 0 when it did not, or when nobody can say because there was a reset between. A
/// fall from full is one in any case: no reset makes it more than full.
[[nodiscard]] double fall_between(const Point& before, const Point& after);

enum class Placement {
  not_needed,  // kept already, or inside a run
  added,
  moves_last,  // takes the place of the point before it: the run goes on
};

/// Where a point goes that comes, in any order, and perhaps again.
/// @param before  the points up to `point.at`: the last two of them, or fewer where there are none.
/// @param after   the first one behind.
[[nodiscard]] Placement place(std::span<const Point> before,
                              const std::optional<Point>& after,
                              const Point& point);

}  // namespace agp::quota
