#include "daemon/api/zone.h"

#include "daemon/ledger/ledger.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

namespace agp::api {
namespace {

using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::minutes;

constexpr std::size_t kLongestName = 64;
constexpr std::int64_t kQuarterHour = 900;  // seconds

std::string database() {
  const char* folder = std::getenv("TZDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/usr/share/zoneinfo";
}

bool is_zone_file(const std::string& name) {
  std::ifstream file(database() + "/" + name, std::ios::binary);
  char magic[4] = {};
  return file.read(magic, sizeof magic) && std::string_view(magic, sizeof magic) == "TZif";
}

// Only names that can be one reach the library: it would open any path, and it remembers every name
// that it was ever asked for. The zones below "right" count leap seconds, which no record does.
bool is_name(std::string_view name) {
  const auto is_plain = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '/';
  };
  return !name.empty() && name.size() <= kLongestName && name.front() != '/' &&
         !name.starts_with("right/") && name != "localtime" && name != "posixrules" &&
         std::all_of(name.begin(), name.end(), is_plain);
}

absl::Time to_absl(usage::Micros at) {
  return absl::FromUnixMicros(at.time_since_epoch().count());
}

usage::Micros from_absl(absl::Time at) {
  return usage::Micros(microseconds(absl::ToUnixMicros(at)));
}

absl::CivilDay civil(std::chrono::sys_days day) {
  return absl::CivilDay(1970, 1, 1) + day.time_since_epoch().count();
}

std::chrono::sys_days from_civil(absl::CivilDay day) {
  return std::chrono::sys_days(days(day - absl::CivilDay(1970, 1, 1)));
}

// The earlier of two when the clocks were put back, the change itself when they were put forward.
absl::Time instant_of(absl::CivilSecond local, absl::TimeZone zone) {
  const auto info = zone.At(local);
  return info.kind == absl::TimeZone::TimeInfo::SKIPPED ? info.trans : info.pre;
}

}  // namespace

struct Zone::Rules {
  absl::TimeZone zone;
};

Zone::Zone() : name_("UTC") {}

Result<Zone> Zone::load(std::string_view name) {
  Zone out;
  if (name == "UTC" || name == "Etc/UTC" || name == "Z") {
    return out;
  }
  Rules rules;
  if (!is_name(name) || !is_zone_file(std::string(name)) ||
      !absl::LoadTimeZone(std::string(name), &rules.zone)) {
    const bool has_database = is_zone_file("UTC") || is_zone_file("Etc/UTC");
    return Error(ledger::Errc::invalid_query,
                 has_database
                     ? "expected a name such as Europe/Berlin or UTC, got \"" +
                           std::string(name.substr(0, kLongestName)) + "\""
                     : "only UTC is known, since this machine has no time zones; install tzdata");
  }
  out.name_ = name;
  out.rules_ = std::make_shared<const Rules>(rules);
  return out;
}

minutes Zone::utc_offset(usage::Micros at) const {
  if (is_utc()) {
    return minutes(0);
  }
  const std::int64_t offset = rules_->zone.At(to_absl(at)).offset;  // seconds
  const auto quarters =
      (offset + (offset < 0 ? -kQuarterHour / 2 : kQuarterHour / 2)) / kQuarterHour;
  return minutes(quarters * 15);
}

std::chrono::sys_days Zone::day_of(usage::Micros at) const {
  return is_utc() ? std::chrono::floor<days>(at)
                  : from_civil(absl::CivilDay(rules_->zone.At(to_absl(at)).cs));
}

usage::Micros Zone::start_of(std::chrono::sys_days day) const {
  return is_utc() ? usage::Micros(day)
                  : from_absl(instant_of(absl::CivilSecond(civil(day)), rules_->zone));
}

usage::Micros Zone::days_before(usage::Micros at, std::int64_t count) const {
  if (is_utc()) {
    return at - days(count);
  }
  const auto local = rules_->zone.At(to_absl(at));
  const auto day = absl::CivilDay(local.cs) - count;
  const auto earlier = absl::CivilSecond(day.year(), day.month(), day.day(), local.cs.hour(),
                                         local.cs.minute(), local.cs.second());
  return from_absl(instant_of(earlier, rules_->zone) + local.subsecond);
}

}  // namespace agp::api
