#include "daemon/api/schemas.h"

#include "daemon/api/record_json.h"
#include "daemon/api/usage_api.h"
#include "tests/daemon/api/fake_ledger.h"
#include "tests/daemon/api/some_records.h"

#include <algorithm>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

namespace json = boost::json;

json::value schema(const char* name) {
  const auto text = find_schema(name);
  EXPECT_TRUE(text) << name;
  return json::parse(text.value_or("{}"));
}

// Every member is described and required, and nothing is described that is not there.
void expect_same_members(const json::object& value, const json::value& described) {
  std::vector<std::string> members;
  for (const auto& member : value) {
    members.emplace_back(member.key());
    EXPECT_TRUE(described.at("properties").as_object().contains(member.key())) << member.key();
  }
  for (const auto& name : described.at("required").as_array()) {
    EXPECT_TRUE(value.contains(name.as_string())) << name.as_string();
  }
  EXPECT_EQ(described.at("properties").as_object().size(), members.size());
}

TEST(Schemas, AreFoundByEachOfTheirNames) {
  EXPECT_EQ(schema_names(),
            "quota-history.v1, quota.v1, record.v1, records.v1, sessions.v1, usage.v1, why.v1");
  EXPECT_EQ(find_schema("usage.v1"), find_schema("usage.v1.json"));
  EXPECT_EQ(find_schema("usage.v1"), find_schema("antigravity-proxy.usage.v1"));
  EXPECT_EQ(find_schema("usage.v2"), std::nullopt);
  EXPECT_EQ(find_schema(""), std::nullopt);
}

TEST(Schemas, TheRecordHasTheMembersThatAreDescribed) {
  const auto described = schema("record.v1");
  const auto record = record_value(test::full_record());
  expect_same_members(record, described);
  const auto& counts = described.at("$defs").at("usage");
  expect_same_members(record.at("usage").as_object(), counts);
}

TEST(Schemas, TheUsageDocumentHasTheMembersThatAreDescribed) {
  const auto described = schema("usage.v1");
  ledger::Report report;
  report.totals = test::some_sums();
  const auto question = parse_usage_question({}, Visibility{}, {});
  ASSERT_TRUE(question);
  const auto document = json::parse(render_usage(report, *question, {})).as_object();
  expect_same_members(document, described);
  expect_same_members(document.at("totals").as_object(), described.at("$defs").at("sums"));
}

TEST(Schemas, ThePageHasTheMembersThatAreDescribed) {
  expect_same_members(json::parse(render_records({}, {})).as_object(), schema("records.v1"));
}

}  // namespace
}  // namespace agp::api
