#include "cli/usage_csv.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr const char* kSums =
    R"(,"calls":3,"ok":2,"partial":1,"errors":0,"usage_unknown":0,"input_total":10,)"
    R"("input_uncached":8,"cached_input":2,"cache_write":0,"tool_use_prompt":0,"output_total":5,)"
    R"("reasoning":1,"total":15,"reasoning_unknown":0,"cost_usd_estimate":0.25,"unpriced":0})";
constexpr const char* kHeader =
    "calls,ok,partial,errors,usage_unknown,input_total,input_uncached,cached_input,cache_write,"
    "tool_use_prompt,output_total,reasoning,total,reasoning_unknown,cost_usd_estimate,unpriced\r\n";

std::string csv(const std::string& groups, const char* keys) {
  const auto answer = usage_csv("{\"groups\":[" + groups + "]}", keys);
  const auto* text = std::get_if<std::string>(&answer);
  return text == nullptr ? "no answer" : *text;
}

TEST(UsageCsv, AGroupIsALine) {
  EXPECT_EQ(csv(R"({"key":{"model":"m","day":"2026-11-23"})" + std::string(kSums), "day,model"),
            "day,model," + std::string(kHeader) +
                "2026-11-23,m,3,2,1,0,0,10,8,2,0,0,5,1,15,0,2.5E-1,0\r\n");
  EXPECT_EQ(csv("", "model"), "model," + std::string(kHeader));
}

TEST(UsageCsv, TextsAreQuotedAsInAnExport) {
  const auto text = csv(R"({"key":{"model":"=a,\"b\""})" + std::string(kSums), "model");
  EXPECT_NE(text.find("\r\n\"'=a,\"\"b\"\"\",3,"), std::string::npos) << text;
}

TEST(UsageCsv, UnknownIsEmptyAndNotZero) {
  const auto text =
      csv(R"({"key":{"model":null},"calls":2,"usage_unknown":2,"input_total":0,"total":0,)"
          R"("reasoning_unknown":0,"cost_usd_estimate":null,"unpriced":2})",
          "model");
  EXPECT_TRUE(text.ends_with("\r\n,2,,,,2,,,,,,,,,0,,2\r\n")) << text;
}

TEST(UsageCsv, WhatIsNoDocumentIsNone) {
  for (const char* document : {"", "[]", "{}", R"({"groups":[1]})", R"({"groups":[{}]})"}) {
    EXPECT_TRUE(std::holds_alternative<Failure>(usage_csv(document, "model"))) << document;
  }
}

}  // namespace
}  // namespace agp::cli
