#include "daemon/cost/table_reader.h"

#include "daemon/cost/builtin.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::cost {
namespace {

std::string table_with(const std::string& model) {
  return R"({"schema": "antigravity-proxy.prices.v1", "version": "v", "date": "2026-01-01",
             "providers": [{"id": "a", "fallback": [], "models": [)" +
         model + "]}]}";
}

std::string priced_as(const std::string& prices) {
  return table_with(R"({"id": "x", "match": {"equals": "x"}, "prices": [)" + prices + "]}");
}

TEST(ReadTable, TheBuiltInListsAreGood) {
  const auto table = read_table(builtin_table());
  ASSERT_TRUE(table) << table.error().text();
  EXPECT_EQ(table->providers.size(), 4U);
  const auto rules = read_rules(builtin_rules());
  ASSERT_TRUE(rules) << rules.error().text();
  EXPECT_FALSE(rules->factors.empty());
}

TEST(ReadTable, ReadsDatesTiersAndTimesOfDay) {
  const auto table = read_table(priced_as(
      R"({"input": 5}, {"start_date": "2026-02-28", "daily": [60, 120],
          "input": {"base": 1, "above": [[10, 2], [20, 3]]}})"));
  ASSERT_TRUE(table) << table.error().text();
  const Model* model = table->find("a", "x");
  ASSERT_NE(model, nullptr);
  const Entry& entry = model->entries.at(1);
  EXPECT_EQ(*entry.start, std::chrono::sys_days(std::chrono::year(2026) / 2 / 28));
  EXPECT_EQ(entry.daily->second, std::chrono::seconds(120));
  EXPECT_EQ(price_of(entry.prices, Unit::input)->at(21), 3U);
}

TEST(ReadTable, WhatItDoesNotKnowIsAFault) {
  EXPECT_TRUE(read_table(priced_as(R"({"input": 1})")));
  for (const char* prices :
       {R"({"input": 1.5})", R"({"input": -1})", R"({"input": "1"})", R"({"input": 99999999999})",
        R"({"per_smile": 1})", R"({"start_date": "2026-02-30", "input": 1})",
        R"({"start_date": "20260228", "input": 1})", R"({"start_date": 5, "input": 1})",
        R"({"daily": [1], "input": 1})", R"({"input": {"base": 1}})",
        R"({"input": {"base": 1, "above": [[20, 2], [10, 3]]}})",
        R"({"input": {"base": 1, "above": [[20]]}})", "", "7"}) {
    EXPECT_FALSE(read_table(priced_as(prices))) << prices;
  }
  for (const char* model :
       {R"({"id": "x", "prices": [{}]})", R"({"match": {"equals": "x"}, "prices": [{}]})",
        R"({"id": "x", "match": {"sounds_like": "x"}, "prices": [{}]})",
        R"({"id": "x", "match": {"equals": "x", "contains": "x"}, "prices": [{}]})",
        R"({"id": "x", "match": {"or": "x"}, "prices": [{}]})",
        R"({"id": "x", "match": {"or": [7]}, "prices": [{}]})",
        R"({"id": "x", "match": {"regex": "(("}, "prices": [{}]})", "7"}) {
    EXPECT_FALSE(read_table(table_with(model))) << model;
  }
}

TEST(ReadTable, OtherTextsAreFaults) {
  for (const char* text : {"", "{", "[]", "{}", R"({"schema": "antigravity-proxy.prices.v2"})",
                           R"({"schema": "antigravity-proxy.prices.v1"})"}) {
    EXPECT_FALSE(read_table(text)) << text;
    EXPECT_FALSE(read_rules(text)) << text;
  }
}

TEST(ReadTable, ConditionsInConditionsHaveALimit) {
  std::string match = R"({"equals": "x"})";
  for (int i = 0; i < 9; ++i) {
    match = R"({"or": [)" + match + "]}";
  }
  EXPECT_FALSE(read_table(table_with(R"({"id": "x", "match": )" + match + R"(, "prices": [{}]})")));
}

std::string rules_with(const std::string& aliases, const std::string& factors) {
  return R"({"schema": "antigravity-proxy.price-rules.v1", "version": "1", "suffixes": [],
             "endings": [""], "aliases": [)" +
         aliases + R"(], "factors": [)" + factors + "]}";
}

TEST(ReadRules, WhatItDoesNotKnowIsAFault) {
  EXPECT_TRUE(read_rules(rules_with("", "")));
  EXPECT_FALSE(read_rules(rules_with(R"({"model": "x"})", "")));
  EXPECT_FALSE(read_rules(rules_with("7", "")));
  EXPECT_FALSE(read_rules(rules_with("", R"({"of": "mood", "words": ["x"], "factor": [1, 1]})")));
  EXPECT_FALSE(read_rules(rules_with("", R"({"of": "tier", "words": ["x"], "factor": [1, 0]})")));
  EXPECT_FALSE(read_rules(rules_with("", R"({"of": "tier", "words": ["x"], "factor": [1]})")));
  EXPECT_FALSE(read_rules(rules_with("", R"({"of": "tier", "words": [7], "factor": [1, 1]})")));
  EXPECT_FALSE(read_rules(rules_with("", "7")));
}

}  // namespace
}  // namespace agp::cost
