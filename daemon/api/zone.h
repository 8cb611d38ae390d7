#pragma once

#include "common/base/result.h"
#include "daemon/usage/record.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace agp::api {

/// A time zone of the system's database (Debian: tzdata). A value; UTC unless loaded.
class Zone {
 public:
  Zone();

  /// @param name  "Europe/Berlin" as the IANA names it, or "UTC".
  /// @return ledger::Errc::invalid_query for a name that is not one.
  [[nodiscard]] static Result<Zone> load(std::string_view name);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool is_utc() const { return rules_ == nullptr; }

  /// East of UTC at that instant, to the quarter hour: every zone since 1972 is a multiple of it.
  [[nodiscard]] std::chrono::minutes utc_offset(usage::Micros at) const;

  /// The calendar day that it is here at that instant.
  [[nodiscard]] std::chrono::sys_days day_of(usage::Micros at) const;

  /// The first instant of a calendar day, also where midnight is skipped or comes twice.
  [[nodiscard]] usage::Micros start_of(std::chrono::sys_days day) const;

  /// The same time of day that many days earlier: 23 or 25 hours back over a change of the clocks.
  /// A time that the earlier day skips becomes the instant of the change.
  [[nodiscard]] usage::Micros days_before(usage::Micros at, std::int64_t days) const;

 private:
  struct Rules;
  std::string name_;
  std::shared_ptr<const Rules> rules_;
};

}  // namespace agp::api
