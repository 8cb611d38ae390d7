#pragma once

#include "daemon/quota/sample.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// Why a quota fell: its falls, joined with the calls that were measured meanwhile.
namespace agp::quota {

/// Sums over calls. Tokens are those of calls whose usage is known.
struct Measured {
  std::uint64_t calls = 0;
  std::uint64_t usage_unknown = 0;
  std::uint64_t input_total = 0;
  std::uint64_t cached_input = 0;
  std::uint64_t output_total = 0;
  std::uint64_t reasoning = 0;
  std::uint64_t reasoning_unknown = 0;  // known usage, reasoning never stated
  std::uint64_t total = 0;

  void add(const usage::Record& call);
  friend bool operator==(const Measured&, const Measured&) = default;
};

/// One model, kind or conversation; empty where the calls do not say.
struct Part {
  std::optional<std::string> key;
  Measured measured;
};

/// Between two points of a series: nobody knows more exactly when.
struct Fall {
  usage::Micros since{};  // exclusive
  usage::Micros until{};  // inclusive
  double from = 0;
  double to = 0;
  Measured measured;  // calls that ended between
  std::uint64_t shortly_before =
      0;  // calls that ended so late before that they may be charged here
};

struct Finding {
  Series series;
  Point first;  // the last one before the time in question, or else the first one in it
  Point last;
  double fell_by = 0;             // sum of the falls: what resets give back is left out
  double fell_without_calls = 0;  // of it, where no call was measured
  std::uint64_t resets = 0;
  std::vector<Fall> falls;                          // by time
  Measured measured;                                // in all falls together
  std::vector<Part> by_model, by_kind, by_cascade;  // the most tokens first
};

struct Answer {
  usage::Micros since{};
  usage::Micros until{};
  Measured measured;                     // every call that can use up the quota
  std::uint64_t calls_without_fall = 0;  // while none of the login's quotas fell
  std::uint64_t calls_not_sampled = 0;   // where no two points are around them
  std::vector<Finding> findings;         // the largest fall first
};

/// The join. First the courses, then every call since calls_since(), in any order.
class Why {
 public:
  /// @param courses  with the last point before `since`, where there is one.
  Why(std::vector<Course> courses, usage::Micros since, usage::Micros until);

  /// From when on calls have to be looked at; earlier than asked, since a fall is told between
  /// two points and the first of them may be older.
  [[nodiscard]] usage::Micros calls_since() const;

  void add(const usage::Record& call);

  [[nodiscard]] Answer take() &&;

 private:
  using Parts = std::map<std::optional<std::string>, Measured>;
  struct Work {
    Finding finding;
    Parts by_model, by_kind, by_cascade;
  };

  Answer answer_;
  std::vector<Work> work_;
};

}  // namespace agp::quota
