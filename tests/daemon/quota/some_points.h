#pragma once

#include "daemon/quota/sample.h"

#include <chrono>
#include <optional>

namespace agp::quota::test {

using std::chrono::minutes;

/// Minutes after some noon.
inline usage::Micros at(int minute) {
  return usage::Micros(std::chrono::seconds(1'795'320'000)) + minutes(minute);
}

/// @param resets  in minutes after the same noon.
inline Point point(int minute, double remaining, std::optional<int> resets = 300) {
  return {at(minute), remaining, resets ? std::optional(at(*resets)) : std::nullopt};
}

}  // namespace agp::quota::test
