#include "daemon/api/quota_history.h"

#include "tests/daemon/api/fake_ledger.h"

#include <string>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

namespace json = boost::json;
using std::chrono::minutes;

constexpr usage::Micros kNow{std::chrono::seconds(1'795'320'000)};  // 2026-11-22T04:00:00Z

quota::Course course(std::vector<quota::Point> points) {
  return {{1000, quota::Kind::pool, "gemini-5h", "Gemini Models", "5h"}, std::move(points)};
}

quota::Point point(int minute, double remaining) {
  return {kNow + minutes(minute), remaining, kNow + minutes(60)};
}

usage::Record call(int minute) {
  usage::Record out;
  out.api = usage::Api::code_assist;
  out.owner_uid = 1000;
  out.started_at = out.ended_at = kNow + minutes(minute);
  out.model = "gemini-3-flash";
  out.usage.emplace();
  out.usage->total = 10;
  out.usage->input_total = 10;
  return out;
}

WhyQuestion question() {
  WhyQuestion out;
  out.since = kNow - std::chrono::hours(5);
  out.until = kNow;
  out.owners = std::vector<std::uint32_t>{1000};
  return out;
}

json::object parsed(const Result<std::string>& document) {
  EXPECT_TRUE(document) << document.error().text();
  return document ? json::parse(*document).as_object() : json::object();
}

bool has_note(const json::object& document, std::string_view code) {
  for (const auto& note : document.at("notes").as_array()) {
    if (note.at("code").as_string() == code) {
      return true;
    }
  }
  return false;
}

TEST(QuotaHistory, ListsThePointsOfEachSeries) {
  test::FakeLedger ledger;
  auto unknown_end = point(-5, 0.4);
  unknown_end.resets_at.reset();
  ledger.courses = std::vector{course({point(-10, 0.5), unknown_end})};
  ledger::QuotaQuery query;
  query.since = kNow - std::chrono::hours(1);
  const auto document = parsed(quota_history_document(ledger, query, kNow));
  EXPECT_EQ(document.at("schema"), "antigravity-proxy.quota-history.v1");
  EXPECT_EQ(document.at("since"), "2026-11-22T03:00:00Z");
  EXPECT_TRUE(document.at("until").is_null());
  const auto& series = document.at("series").as_array()[0];
  EXPECT_EQ(series.at("uid"), 1000);
  EXPECT_EQ(series.at("kind"), "pool");
  EXPECT_EQ(series.at("name"), "Gemini Models");
  EXPECT_EQ(series.at("window"), "5h");
  const auto& points = series.at("points").as_array();
  EXPECT_EQ(points[0].at("at"), "2026-11-22T03:50:00Z");
  EXPECT_EQ(points[0].at("remaining_fraction"), 0.5);
  EXPECT_EQ(points[0].at("resets_at"), "2026-11-22T05:00:00Z");
  EXPECT_TRUE(points[1].at("resets_at").is_null());
}

TEST(QuotaHistory, ALedgerThatCannotBeReadIsAnError) {
  test::FakeLedger ledger;
  ledger.courses = Error{ledger::Errc::damaged, "test"};
  EXPECT_FALSE(quota_history_document(ledger, {}, kNow));
  EXPECT_FALSE(why_document(ledger, question(), kNow));
  ledger.courses = std::vector<quota::Course>{};
  ledger.page = Error{ledger::Errc::damaged, "test"};
  EXPECT_FALSE(why_document(ledger, question(), kNow));
}

TEST(QuotaWhyDocument, JoinsFallsWithCalls) {
  test::FakeLedger ledger;
  ledger.courses = std::vector{course({point(-20, 0.75), point(-10, 0.5), point(-5, 0.25)})};
  ledger::Page page;
  page.records = {call(-15), call(-13)};
  page.records[1].cascade_id = "c";
  page.records[1].usage.reset();
  ledger.page = page;
  const auto document = parsed(why_document(ledger, question(), kNow));
  EXPECT_EQ(document.at("measured").at("calls"), 2);
  const auto& found = document.at("quotas").as_array()[0];
  EXPECT_EQ(found.at("fell_by"), 0.5);
  EXPECT_EQ(found.at("fell_without_calls"), 0.25);
  EXPECT_EQ(found.at("falls").as_array()[0].at("calls"), 2);
  EXPECT_EQ(found.at("falls").as_array()[0].at("since"), "2026-11-22T03:40:00Z");
  EXPECT_EQ(found.at("by_model").as_array()[0].at("share"), 1.0);
  const auto& cascades = found.at("by_cascade").as_array();
  EXPECT_TRUE(cascades[0].at("key").is_null());
  EXPECT_EQ(cascades[1].at("key"), "c");
  EXPECT_EQ(cascades[1].at("usage_unknown"), 1);
  for (const char* code : {"used_elsewhere", "usage_unknown", "resolution"}) {
    EXPECT_TRUE(has_note(document, code)) << code;
  }
  for (const char* code : {"no_samples", "resets", "calls_without_fall", "calls_not_sampled"}) {
    EXPECT_FALSE(has_note(document, code)) << code;
  }
}

TEST(QuotaWhyDocument, AsksForTheCallsOfThatLoginAlone) {
  test::FakeLedger ledger;
  const auto document = parsed(why_document(ledger, question(), kNow));
  EXPECT_TRUE(has_note(document, "no_samples"));
  EXPECT_EQ(ledger.asked_quota.owners, question().owners);
  EXPECT_TRUE(ledger.asked_quota.with_one_before);
  EXPECT_EQ(ledger.asked_page.filter.owners, question().owners);
  EXPECT_EQ(ledger.asked_page.filter.provider, usage::Provider::google);
  EXPECT_EQ(ledger.asked_page.filter.until, kNow);
}

TEST(QuotaWhyDocument, APointOfLastMonthIsNoBeginning) {
  test::FakeLedger ledger;
  ledger.courses = std::vector{course({point(-60 * 24 * 30, 1), point(-5, 0.5)})};
  const auto document = parsed(why_document(ledger, question(), kNow));
  EXPECT_TRUE(document.at("quotas").as_array()[0].at("falls").as_array().empty());
  EXPECT_GT(ledger.asked_page.filter.since, kNow - std::chrono::hours(7));
}

TEST(QuotaWhyDocument, SharesOfNothingAreNotKnown) {
  test::FakeLedger ledger;
  ledger.courses = std::vector{course({point(-20, 0.75), point(-10, 0.5)})};
  ledger::Page page;
  page.records = {call(-15)};
  page.records[0].usage.reset();
  ledger.page = page;
  const auto document = parsed(why_document(ledger, question(), kNow));
  EXPECT_TRUE(
      document.at("quotas").as_array()[0].at("by_model").as_array()[0].at("share").is_null());
}

}  // namespace
}  // namespace agp::api
