#pragma once

#include "daemon/ledger/ledger.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

/// Where the rows of an answer come together. Memory grows with the groups, not with the rows.
namespace agp::ledger {

/// What a group can be made of besides time and cascade.
struct Dimensions {
  std::optional<std::string> model;
  std::string provider;
  std::string host;
  std::string kind;
  std::optional<std::int64_t> uid;
  std::optional<std::int64_t> owner = std::nullopt;
};

/// True when records like these are meant. Times and cascades are not looked at.
[[nodiscard]] bool matches(const Filter& filter, const Dimensions& dimensions);

class Groups {
 public:
  explicit Groups(const Query& query);

  [[nodiscard]] bool has_times() const { return has_times_; }
  [[nodiscard]] bool has_cascades() const { return has_cascades_; }

  /// Numbers for the parts of a group's key: the same number for the same part.
  [[nodiscard]] std::uint32_t dimensions_part(const Dimensions& dimensions);
  /// @param at  any instant of the record's local hour.
  [[nodiscard]] std::uint32_t time_part(usage::Micros at);
  /// For sums of a whole UTC day: the hour is not known, the day only where it is a UTC day.
  [[nodiscard]] std::uint32_t day_part(usage::Micros start_of_day);
  /// True when day_part() left something out that was asked for.
  [[nodiscard]] bool is_coarse() const { return is_coarse_; }

  /// @param cascade  the number that the ledger gave to it; 0 without one, or when not grouped.
  [[nodiscard]] Sums& at(std::uint32_t dimensions, std::uint32_t time, std::int64_t cascade);

  [[nodiscard]] std::vector<std::int64_t> cascades() const;
  /// @param names  of each of cascades().
  [[nodiscard]] Report take_report(const std::unordered_map<std::int64_t, std::string>& names);

 private:
  struct Place {
    std::uint32_t dimensions;
    std::uint32_t time;
    std::int64_t cascade;
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Hash {
    std::size_t operator()(const Place& place) const;
  };

  static std::uint32_t part(std::map<GroupKey, std::uint32_t>& parts, GroupKey key);

  const Query& query_;
  bool has_times_ = false;
  bool has_cascades_ = false;
  bool is_coarse_ = false;
  std::map<GroupKey, std::uint32_t> dimensions_;
  std::map<GroupKey, std::uint32_t> times_;
  std::unordered_map<Place, Sums, Hash> sums_;
};

}  // namespace agp::ledger
