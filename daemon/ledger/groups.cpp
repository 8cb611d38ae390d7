#include "daemon/ledger/groups.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace agp::ledger {
namespace {

bool has(const Query& query, GroupBy group) {
  return std::find(query.group_by.begin(), query.group_by.end(), group) != query.group_by.end();
}

std::chrono::minutes offset_at(const Query& query, usage::Micros at) {
  return query.utc_offset ? query.utc_offset(at) : std::chrono::minutes(0);
}

std::string local_day(usage::Micros local) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(local));
  char text[48];
  (void)std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

std::string local_hour(usage::Micros at, const Query& query) {
  const auto offset = offset_at(query, at);
  const auto local = at + offset;
  const auto hour =
      std::chrono::floor<std::chrono::hours>(local - std::chrono::floor<std::chrono::days>(local))
          .count();
  char zone[16] = "Z";
  if (query.utc_offset) {
    const auto minutes = std::abs(offset.count());
    (void)std::snprintf(zone, sizeof zone, "%c%02d:%02d", offset.count() < 0 ? '-' : '+',
                        static_cast<int>(minutes / 60), static_cast<int>(minutes % 60));
  }
  char text[48];
  (void)std::snprintf(text, sizeof text, "T%02d:00:00%s", static_cast<int>(hour), zone);
  return local_day(local) + text;
}

}  // namespace

bool matches(const Filter& filter, const Dimensions& dimensions) {
  const auto differs = [](const auto& wanted, const auto& have) {
    return wanted && *wanted != have;
  };
  if ((filter.model && filter.model != dimensions.model) || differs(filter.host, dimensions.host) ||
      (filter.provider && name(*filter.provider) != dimensions.provider) ||
      (filter.kind && name(*filter.kind) != dimensions.kind) ||
      (filter.uid && dimensions.uid != std::int64_t{*filter.uid})) {
    return false;
  }
  const auto& owners = filter.owners;
  return !owners || (dimensions.owner &&
                     std::find(owners->begin(), owners->end(), *dimensions.owner) != owners->end());
}

std::size_t Groups::Hash::operator()(const Place& place) const {
  // Fibonacci hashing of the three numbers; they are small and dense.
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;
  auto mixed = static_cast<std::uint64_t>(place.cascade) * kGolden;
  mixed = (mixed ^ place.dimensions) * kGolden;
  mixed = (mixed ^ place.time) * kGolden;
  return static_cast<std::size_t>(mixed ^ (mixed >> 32U));
}

Groups::Groups(const Query& query)
    : query_(query),
      has_times_(has(query, GroupBy::day) || has(query, GroupBy::hour)),
      has_cascades_(has(query, GroupBy::cascade)) {}

std::uint32_t Groups::part(std::map<GroupKey, std::uint32_t>& parts, GroupKey key) {
  return parts.try_emplace(std::move(key), static_cast<std::uint32_t>(parts.size())).first->second;
}

std::uint32_t Groups::dimensions_part(const Dimensions& dimensions) {
  GroupKey key;
  for (const auto group : query_.group_by) {
    switch (group) {
      case GroupBy::model:
        key.push_back(dimensions.model);
        break;
      case GroupBy::provider:
        key.emplace_back(dimensions.provider);
        break;
      case GroupBy::host:
        key.emplace_back(dimensions.host);
        break;
      case GroupBy::kind:
        key.emplace_back(dimensions.kind);
        break;
      case GroupBy::uid:
        key.push_back(dimensions.uid ? std::optional(std::to_string(*dimensions.uid))
                                     : std::nullopt);
        break;
      case GroupBy::day:
      case GroupBy::hour:
      case GroupBy::cascade:
        break;
    }
  }
  return part(dimensions_, std::move(key));
}

std::uint32_t Groups::time_part(usage::Micros at) {
  GroupKey key;
  for (const auto group : query_.group_by) {
    if (group == GroupBy::day) {
      key.emplace_back(local_day(at + offset_at(query_, at)));
    } else if (group == GroupBy::hour) {
      key.emplace_back(local_hour(at, query_));
    }
  }
  return part(times_, std::move(key));
}

std::uint32_t Groups::day_part(usage::Micros start_of_day) {
  // An offset changes at most once in a day; equal at both ends means the same all day.
  const auto last = start_of_day + std::chrono::days(1) - std::chrono::microseconds(1);
  const bool is_utc_day = offset_at(query_, start_of_day) == std::chrono::minutes(0) &&
                          offset_at(query_, last) == std::chrono::minutes(0);
  GroupKey key;
  for (const auto group : query_.group_by) {
    if (group == GroupBy::day && is_utc_day) {
      key.emplace_back(local_day(start_of_day));
    } else if (group == GroupBy::day || group == GroupBy::hour) {
      key.emplace_back(std::nullopt);
      is_coarse_ = true;
    }
  }
  return part(times_, std::move(key));
}

Sums& Groups::at(std::uint32_t dimensions, std::uint32_t time, std::int64_t cascade) {
  return sums_[{dimensions, time, cascade}];
}

std::vector<std::int64_t> Groups::cascades() const {
  std::vector<std::int64_t> out;
  for (const auto& [place, sums] : sums_) {
    if (place.cascade != 0) {
      out.push_back(place.cascade);
    }
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Report Groups::take_report(const std::unordered_map<std::int64_t, std::string>& names) {
  std::vector<const GroupKey*> dimensions(dimensions_.size());
  for (const auto& [key, number] : dimensions_) {
    dimensions[number] = &key;
  }
  std::vector<const GroupKey*> times(times_.size());
  for (const auto& [key, number] : times_) {
    times[number] = &key;
  }
  Report report;
  report.groups.reserve(query_.group_by.empty() ? 0 : sums_.size());
  while (!sums_.empty()) {
    auto node = sums_.extract(sums_.begin());
    const auto place = node.key();
    report.totals.add(node.mapped());
    if (query_.group_by.empty()) {
      continue;
    }
    GroupKey key;
    auto dimension = dimensions[place.dimensions]->begin();
    auto time = has_times_ ? times[place.time]->begin() : GroupKey::const_iterator();
    for (const auto group : query_.group_by) {
      if (group == GroupBy::cascade) {
        const auto name = names.find(place.cascade);
        key.push_back(name != names.end() ? std::optional(name->second) : std::nullopt);
      } else if (group == GroupBy::day || group == GroupBy::hour) {
        key.push_back(*time++);
      } else {
        key.push_back(*dimension++);
      }
    }
    report.groups.push_back({std::move(key), std::move(node.mapped())});
  }
  std::sort(report.groups.begin(), report.groups.end(),
            [](const Group& left, const Group& right) { return left.key < right.key; });
  return report;
}

}  // namespace agp::ledger
