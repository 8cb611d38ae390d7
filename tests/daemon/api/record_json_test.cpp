#include "daemon/api/record_json.h"

#include "daemon/api/utf8.h"
#include "tests/daemon/api/some_records.h"

#include <random>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

TEST(RecordJson, TellsEveryField) {
  const auto record = record_value(test::full_record());
  EXPECT_EQ(record.at("schema").as_string(), "antigravity-proxy.record.v1");
  EXPECT_EQ(record.at("sequence").as_uint64(), 17U);
  EXPECT_EQ(record.at("started_at").as_string(), "2026-11-22T04:00:00Z");
  EXPECT_EQ(record.at("first_byte_at").as_string(), "2026-11-22T04:00:00.250000Z");
  EXPECT_EQ(record.at("cascade_evidence").as_string(), "request_id");
  EXPECT_TRUE(record.at("cascade_confirmed").as_bool());
  EXPECT_EQ(record.at("closed_by").as_string(), "client");
  EXPECT_EQ(record.at("usage").at("cached_input").as_uint64(), 8192U);
  EXPECT_EQ(record.at("reported").at("promptTokenCount").as_uint64(), 9001U);
  EXPECT_EQ(record.at("additional_usage").at(0).at("kind").as_string(), "compaction");
  EXPECT_EQ(record.at("additional_usage").at(0).at("usage").at("total").as_uint64(), 9142U);
  EXPECT_EQ(record.at("modifiers").at("inference_geo").as_string(), "us");
  EXPECT_EQ(record.at("server_tools").at("web_search").as_uint64(), 2U);
  EXPECT_EQ(record.at("cost_pico_usd").as_uint64(), 4'948'400'000U);
  EXPECT_DOUBLE_EQ(record.at("cost_usd").as_double(), 0.0049484);
  EXPECT_EQ(record.at("cost_basis").as_string(), "list price estimate");
  EXPECT_TRUE(record.at("price_aliased").as_bool());
  for (const auto& member : record) {
    EXPECT_FALSE(member.value().is_null()) << member.key();
  }
}

TEST(RecordJson, WhatIsNotKnownIsNull) {
  const auto record = record_value(usage::Record{});
  for (const char* key :
       {"usage", "model", "cascade_id", "cascade_evidence", "cost_usd", "cost_pico_usd",
        "cost_basis", "price_version", "price_aliased", "http_status", "error", "closed_by",
        "server_tools", "first_byte_at", "local_uid", "owner_uid", "credits_consumed"}) {
    EXPECT_TRUE(record.at(key).is_null()) << key;
  }
  EXPECT_TRUE(record.at("reported").as_object().empty());
}

TEST(RecordJson, IsOneLineOfJsonWhateverTheTexts) {
  std::mt19937 random(7);
  for (int i = 0; i < 500; ++i) {
    const auto record = test::random_record(random);
    const auto line = record_line(record);
    ASSERT_EQ(line.find('\n'), std::string::npos);
    ASSERT_EQ(utf8(line), line);
    boost::system::error_code error;
    const auto value = boost::json::parse(line, error);
    ASSERT_FALSE(error) << line;
    ASSERT_EQ(value.at("host").as_string(), utf8(record.host));
  }
}

TEST(RecordJson, MoneyIsExactAsText) {
  EXPECT_EQ(usd_text(0), "0");
  EXPECT_EQ(usd_text(1), "0.000000000001");
  EXPECT_EQ(usd_text(4'948'400'000), "0.0049484");
  EXPECT_EQ(usd_text(1'500'000'000'000), "1.5");
  EXPECT_EQ(usd_text(12'000'000'000'000), "12");
  EXPECT_EQ(usd_text(18'446'744'073'709'551'615U), "18446744.073709551615");
}

}  // namespace
}  // namespace agp::api
