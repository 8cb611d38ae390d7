#include "daemon/api/export_status.h"

#include "daemon/api/status.h"

#include <chrono>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

boost::json::value part_of(const StatusReport& report) {
  return boost::json::parse(render_status(report, {})).at("metrics_export");
}

TEST(ExportStatus, IsNullWhereNothingIsExported) {
  EXPECT_TRUE(part_of({}).is_null());
}

TEST(ExportStatus, WhatIsNotKnownIsNull) {
  StatusReport report;
  report.metrics_export.emplace().receiver = "http://127.0.0.1:4318";
  const auto part = part_of(report);
  EXPECT_EQ(part.at("receiver").as_string(), "http://127.0.0.1:4318");
  EXPECT_EQ(part.at("health").as_string(), "ok");
  for (const auto* key : {"last_error", "last_sent_at", "oldest_waiting_at"}) {
    EXPECT_TRUE(part.at(key).is_null()) << key;
  }
}

TEST(ExportStatus, SaysEachCountUnderItsOwnName) {
  StatusReport report;
  auto& status = report.metrics_export.emplace();
  status.counts = {1,
                   2,
                   3,
                   4,
                   5,
                   6,
                   7,
                   8,
                   9,
                   10,
                   usage::Micros(std::chrono::seconds(0)),
                   usage::Micros(std::chrono::seconds(1))};
  status.last_error = "connect: refused";
  status.problem = status.last_error;
  const auto part = part_of(report);
  EXPECT_EQ(part.at("health").as_string(), "failing");
  EXPECT_EQ(part.at("last_error").as_string(), "connect: refused");
  EXPECT_EQ(part.at("sent"), 1);
  EXPECT_EQ(part.at("failed_attempts"), 2);
  EXPECT_EQ(part.at("dropped").at("refused"), 3);
  EXPECT_EQ(part.at("dropped").at("no_room"), 4);
  EXPECT_EQ(part.at("dropped").at("unwritable"), 5);
  EXPECT_EQ(part.at("dropped").at("unreadable"), 6);
  EXPECT_EQ(part.at("waiting"), 8);
  EXPECT_EQ(part.at("waiting_bytes"), 9);
  EXPECT_EQ(part.at("max_waiting_bytes"), 10);
  EXPECT_EQ(part.at("last_sent_at").as_string(), "1970-01-01T00:00:00Z");
  EXPECT_EQ(part.at("oldest_waiting_at").as_string(), "1970-01-01T00:00:01Z");
}

TEST(ExportStatus, ADiskThatTakesNothingIsFailingToo) {
  ExportStatus status;
  status.keep_problem = "write: No space left on device";
  EXPECT_EQ(export_value(status).at("health").as_string(), "failing");
}

}  // namespace
}  // namespace agp::api
