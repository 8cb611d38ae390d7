#include "daemon/api/zone.h"

#include "daemon/api/times.h"
#include "daemon/ledger/ledger.h"

#include <gtest/gtest.h>

namespace agp::api {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

usage::Micros at(std::string_view text) {
  const auto parsed = parse_time(text, {});
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : usage::Micros();
}

Zone zone(std::string_view name) {
  auto loaded = Zone::load(name);
  EXPECT_TRUE(loaded) << loaded.error().context;
  return loaded ? *loaded : Zone();
}

std::string start_of(std::string_view name, std::string_view day) {
  return to_rfc3339(*parse_time(day, {}, zone(name)));
}

hours length_of(std::string_view name, std::string_view day) {
  const auto where = zone(name);
  const auto date = std::chrono::floor<std::chrono::days>(at(day));
  return std::chrono::duration_cast<hours>(where.start_of(date + std::chrono::days(1)) -
                                           where.start_of(date));
}

TEST(Zone, UtcNeedsNoDatabase) {
  for (const char* name : {"UTC", "Etc/UTC", "Z"}) {
    EXPECT_TRUE(zone(name).is_utc());
    EXPECT_EQ(zone(name).name(), "UTC");
  }
}

TEST(Zone, RefusesWhatIsNoName) {
  for (const char* name :
       {"", "Mars/Olympus", "../../../etc/passwd", "/usr/share/zoneinfo/Europe/Berlin",
        "file:/etc/localtime", "localtime", "posixrules", "right/Europe/Berlin", "Europe",
        "Europe/Berlin ", "Europe/../Europe/Berlin", "zone.tab", "UTC\n"}) {
    const auto loaded = Zone::load(name);
    ASSERT_FALSE(loaded) << name;
    EXPECT_EQ(loaded.error().code, ledger::Errc::invalid_query);
  }
  EXPECT_FALSE(Zone::load(std::string(5000, 'x')));
}

TEST(Zone, DaysBeginAtLocalMidnight) {
  EXPECT_EQ(start_of("Europe/Berlin", "2026-03-29"), "2026-03-28T23:00:00Z");
  EXPECT_EQ(start_of("Europe/Berlin", "2026-03-30"), "2026-03-29T22:00:00Z");
  EXPECT_EQ(start_of("Europe/Berlin", "2026-10-25"), "2026-10-24T22:00:00Z");
  EXPECT_EQ(start_of("Europe/Berlin", "2026-10-26"), "2026-10-25T23:00:00Z");
  EXPECT_EQ(start_of("Asia/Kathmandu", "2026-03-29"), "2026-03-28T18:15:00Z");
  EXPECT_EQ(start_of("America/St_Johns", "2026-07-01"), "2026-07-01T02:30:00Z");
  EXPECT_EQ(start_of("America/St_Johns", "2026-12-01"), "2026-12-01T03:30:00Z");
  EXPECT_EQ(start_of("Australia/Lord_Howe", "2026-12-01"), "2026-11-30T13:00:00Z");
  EXPECT_EQ(start_of("Australia/Lord_Howe", "2026-07-01"), "2026-06-30T13:30:00Z");
}

TEST(Zone, ADayWithoutMidnightBeginsWhereTheClockLands) {
  // Cairo puts its clocks forward at midnight of the last Friday of April.
  EXPECT_EQ(start_of("Africa/Cairo", "2026-04-24"), "2026-04-23T22:00:00Z");
  EXPECT_EQ(zone("Africa/Cairo").utc_offset(at("2026-04-23T22:00:00Z")), hours(3));
}

TEST(Zone, ADayWithTwoMidnightsBeginsAtTheFirst) {
  // Azores: at 01:00 back to 00:00 on the last Sunday of October.
  EXPECT_EQ(start_of("Atlantic/Azores", "2026-10-25"), "2026-10-25T00:00:00Z");
}

TEST(Zone, DaysOfAChangeAreShorterOrLonger) {
  EXPECT_EQ(length_of("Europe/Berlin", "2026-03-29"), hours(23));
  EXPECT_EQ(length_of("Europe/Berlin", "2026-10-25"), hours(25));
  EXPECT_EQ(length_of("America/St_Johns", "2026-03-08"), hours(23));
  EXPECT_EQ(length_of("Asia/Kathmandu", "2026-03-29"), hours(24));
  // Half an hour is all that Lord Howe Island changes by.
  const auto lord_howe = zone("Australia/Lord_Howe");
  const auto day = std::chrono::floor<std::chrono::days>(at("2026-04-05"));
  EXPECT_EQ(lord_howe.start_of(day + std::chrono::days(1)) - lord_howe.start_of(day),
            hours(24) + minutes(30));
}

TEST(Zone, EveryInstantOfADayBelongsToThatDay) {
  for (const char* name : {"Europe/Berlin", "America/St_Johns", "Asia/Kathmandu",
                           "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Kiritimati", "UTC"}) {
    const auto where = zone(name);
    const auto end = at("2027-01-02");
    for (auto instant = at("2026-01-01"); instant < end; instant += minutes(15)) {
      const auto day = where.day_of(instant);
      ASSERT_LE(where.start_of(day), instant) << name << to_rfc3339(instant);
      ASSERT_GT(where.start_of(day + std::chrono::days(1)), instant) << name;
      const auto offset = where.utc_offset(instant);
      ASSERT_EQ(offset.count() % 15, 0) << name;
      ASSERT_EQ(std::chrono::floor<std::chrono::days>(instant + offset), day) << name;
    }
  }
}

TEST(Zone, DaysBackKeepTheTimeOfDay) {
  const auto berlin = zone("Europe/Berlin");
  const auto now = at("2026-03-30T08:00:00.000007Z");  // 10:00 in summer
  EXPECT_EQ(to_rfc3339(*parse_time("-1d", now, berlin)), "2026-03-29T08:00:00.000007Z");
  EXPECT_EQ(to_rfc3339(*parse_time("-2d", now, berlin)), "2026-03-28T09:00:00.000007Z");
  EXPECT_EQ(to_rfc3339(*parse_time("-1w", now, berlin)), "2026-03-23T09:00:00.000007Z");
  EXPECT_EQ(to_rfc3339(*parse_time("-48h", now, berlin)), "2026-03-28T08:00:00.000007Z");
  // 02:30 does not exist on the day of the change.
  EXPECT_EQ(to_rfc3339(*parse_time("-1d", at("2026-03-30T00:30:00Z"), berlin)),
            "2026-03-29T01:00:00Z");
}

TEST(Zone, TodayIsTheDayThatItIsThere) {
  const auto now = at("2026-11-22T13:00:00Z");
  EXPECT_EQ(to_rfc3339(*parse_time("today", now, zone("Pacific/Auckland"))),
            "2026-11-22T11:00:00Z");
  EXPECT_EQ(to_rfc3339(*parse_time("yesterday", now, zone("America/Los_Angeles"))),
            "2026-11-21T08:00:00Z");
}

}  // namespace
}  // namespace agp::api
