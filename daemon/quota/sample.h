#pragma once

#include "daemon/usage/record.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How the quota of a login went, and why. Values and cores: time comes in.
namespace agp::quota {

enum class Kind { model, pool };

/// The name as it stands in JSON and in the ledger.
[[nodiscard]] const char* name(Kind kind);
[[nodiscard]] std::optional<Kind> kind_from(std::string_view name);

/// One quota of one login: that of a model, or one window of a pool of models.
struct Series {
  std::uint32_t owner_uid = 0;  // whose login it is: for nobody else's eyes
  Kind kind = Kind::model;
  std::string id;      // "gemini-3-flash"; of a pool the bucket, "gemini-5h"
  std::string name;    // the same again; of a pool its name, "Gemini Models"
  std::string window;  // "5h", "weekly"; empty for a model, and where the bucket names none

  friend auto operator<=>(const Series&, const Series&) = default;
};

/// What was left at one moment. What is not known is no point.
struct Point {
  usage::Micros at{};
  double remaining = 0;  // 0 to 1
  std::optional<usage::Micros> resets_at;

  friend bool operator==(const Point&, const Point&) = default;
};

struct Sample {
  Series series;
  Point point;

  friend bool operator==(const Sample&, const Sample&) = default;
};

/// The points of one series, by time.
struct Course {
  Series series;
  std::vector<Point> points;
};

}  // namespace agp::quota
