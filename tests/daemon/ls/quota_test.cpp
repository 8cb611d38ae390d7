#include "daemon/ls/quota.h"

#include "daemon/ls/errors.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

constexpr const char* kReset = "2026-12-01T00:00:00Z";

std::string config(const std::string& label, const std::string& quota) {
  return R"({"label":")" + label + R"(","modelOrAlias":{"model":"MODEL_)" + label + R"("})" +
         (quota.empty() ? "" : R"(,"quotaInfo":)" + quota) + "}";
}

Account account_of(const std::string& configs) {
  const auto account = parse_account(
      R"({"userStatus":{"cascadeModelConfigData":{"clientModelConfigs":[)" + configs + "]}}}");
  EXPECT_TRUE(account);
  return account ? *account : Account{};
}

Allowance allowance_of(const std::string& quota) {
  const auto account = account_of(config("A", quota) + "," + config("B", R"({"resetTime":"t"})"));
  return account.models.size() == 2 ? account.models[0].allowance : Allowance{};
}

TEST(Fraction, IsAShareOrNothing) {
  EXPECT_EQ(Fraction::of(0)->value(), 0);
  EXPECT_EQ(Fraction::of(1)->value(), 1);
  for (const double wrong : {-0.01, 1.01, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
    EXPECT_FALSE(Fraction::of(wrong)) << wrong;
  }
}

TEST(Quota, IsReadForEachModel) {
  const auto account =
      account_of(config("Gemini 3 Pro (High)",
                        R"({"remainingFraction":0.25,"resetTime":"2026-12-01T00:00:00Z"})") +
                 R"(,{"label":"Alias","modelOrAlias":{"alias":"RECOMMENDED"}})");
  ASSERT_EQ(account.models.size(), 1U);
  EXPECT_EQ(account.models[0].id, "gemini-3-pro-high");
  EXPECT_EQ(account.models[0].allowance.remaining, Fraction::of(0.25));
  EXPECT_EQ(account.models[0].allowance.resets_at, kReset);
}

TEST(Quota, AnOmittedShareBesideAResetTimeIsZero) {
  EXPECT_EQ(allowance_of(R"({"resetTime":"2026-12-01T00:00:00Z"})").remaining, Fraction::none());
  EXPECT_EQ(allowance_of(R"({"remainingFraction":0,"resetTime":"x"})").remaining, Fraction::none());
  EXPECT_EQ(allowance_of(R"({"remaining":{},"resetTime":"x"})").remaining, Fraction::none());
}

TEST(Quota, WhatIsNotSaidIsNotKnown) {
  for (const char* quota : {"", "{}", "null", "[]", "7", R"({"remaining":{}})"}) {
    const auto allowance = allowance_of(quota);
    EXPECT_FALSE(allowance.remaining) << quota;
    EXPECT_EQ(allowance.unknown, Unknown::not_given) << quota;
  }
}

TEST(Quota, WhatIsNoShareIsNotKnown) {
  for (const char* value : {"-0.1", "1.5", "\"NaN\"", "\"0.5\"", "null", "true", "{}"}) {
    const auto allowance =
        allowance_of(R"({"remainingFraction":)" + std::string(value) + R"(,"resetTime":"x"})");
    EXPECT_FALSE(allowance.remaining) << value;
    EXPECT_EQ(allowance.unknown, Unknown::bad_value) << value;
  }
}

TEST(Quota, AShareMayBeNested) {
  const auto allowance = allowance_of(R"({"remaining":{"remainingFraction":0.5,"resetTime":"x"}})");
  EXPECT_EQ(allowance.remaining, Fraction::of(0.5));
  EXPECT_EQ(allowance.resets_at, "x");
}

TEST(Quota, EverythingFullWithoutAResetTimeIsAPlaceholder) {
  const auto account =
      account_of(config("A", R"({"remainingFraction":1})") + "," +
                 config("B", R"({"remainingFraction":1.0})") + "," + config("C", ""));
  ASSERT_EQ(account.models.size(), 3U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_FALSE(account.models[i].allowance.remaining);
    EXPECT_EQ(account.models[i].allowance.unknown, Unknown::placeholder);
  }
  EXPECT_EQ(account.models[2].allowance.unknown, Unknown::not_given);
}

TEST(Quota, FullIsFullWhenAnythingSaysUntilWhen) {
  EXPECT_EQ(allowance_of(R"({"remainingFraction":1})").remaining, Fraction::of(1));
  const auto account = account_of(config("A", R"({"remainingFraction":1})") + "," +
                                  config("B", R"({"remainingFraction":0.9})"));
  EXPECT_EQ(account.models[0].allowance.remaining, Fraction::of(1));
}

TEST(Quota, TheOtherMethodsHaveTheSameModels) {
  for (const std::string& text :
       {R"({"clientModelConfigs":[)" + config("A", R"({"remainingFraction":0.5})") + "]}",
        std::string(R"({"response":{"models":{"a":{"displayName":"A","model":"MODEL_A",)"
                    R"("quotaInfo":{"remainingFraction":0.5}}}}})")}) {
    const auto account = parse_account(text);
    ASSERT_TRUE(account);
    ASSERT_EQ(account->models.size(), 1U) << text;
    EXPECT_EQ(account->models[0].id, "a");
    EXPECT_EQ(account->models[0].model.enum_name, "MODEL_A");
    EXPECT_EQ(account->models[0].allowance.remaining, Fraction::of(0.5));
  }
}

TEST(Quota, ThePlanHasNoNameOfThePerson) {
  const auto account = parse_account(
      R"({"userStatus":{"name":"N","email":"E","planStatus":{"planInfo":{"planName":"Pro"},)"
      R"("availablePromptCredits":"500"},"userTier":{"id":"free-tier","name":"Free"}}})");
  ASSERT_TRUE(account);
  EXPECT_EQ(account->plan.name, "Pro");
  EXPECT_EQ(account->plan.tier_id, "free-tier");
  EXPECT_EQ(account->plan.tier_name, "Free");
  EXPECT_EQ(account->plan.available_prompt_credits, 500U);
  EXPECT_TRUE(account->models.empty());
}

TEST(Quota, NoLoginIsNoError) {
  const auto account = parse_account("{}");
  ASSERT_TRUE(account);
  EXPECT_TRUE(account->models.empty());
  EXPECT_FALSE(account->plan.available_prompt_credits);
  for (const char* wrong : {"", "[]", "{", "null"}) {
    EXPECT_EQ(parse_account(wrong).error().code, Errc::bad_answer) << wrong;
    EXPECT_EQ(parse_quota_summary(wrong).error().code, Errc::bad_answer) << wrong;
  }
}

std::string summary(const std::string& buckets) {
  return R"({"response":{"groups":[{"displayName":"Gemini Models","buckets":[)" + buckets + "]}]}}";
}

TEST(QuotaSummary, HasPoolsAndTheirWindows) {
  const auto pools = parse_quota_summary(summary(
      R"({"bucketId":"gemini-5h","displayName":"Five Hour Limit","remainingFraction":0.75,)"
      R"("resetTime":"x"},{"bucketId":"gemini-weekly","description":"d","resetTime":"x"})"));
  ASSERT_TRUE(pools);
  ASSERT_EQ(pools->size(), 1U);
  EXPECT_EQ((*pools)[0].name, "Gemini Models");
  ASSERT_EQ((*pools)[0].buckets.size(), 2U);
  EXPECT_EQ((*pools)[0].buckets[0].name, "Five Hour Limit");
  EXPECT_EQ((*pools)[0].buckets[0].window, "5h");
  EXPECT_EQ((*pools)[0].buckets[0].allowance.remaining, Fraction::of(0.75));
  EXPECT_EQ((*pools)[0].buckets[1].description, "d");
  EXPECT_EQ((*pools)[0].buckets[1].allowance.remaining, Fraction::none());
}

TEST(QuotaSummary, APlaceholderIsOneInItsNestedFormToo) {
  for (const char* bucket : {R"({"bucketId":"a","remainingFraction":1})",
                             R"({"bucketId":"a","remaining":{"remainingFraction":1}})"}) {
    const auto pools = parse_quota_summary(summary(bucket));
    ASSERT_TRUE(pools);
    EXPECT_FALSE((*pools)[0].buckets[0].allowance.remaining);
    EXPECT_EQ((*pools)[0].buckets[0].allowance.unknown, Unknown::placeholder);
  }
}

TEST(QuotaSummary, WithoutGroupsHasNoPools) {
  for (const char* text : {R"({"response":{}})", "{}", R"({"response":{"groups":[7]}})"}) {
    const auto pools = parse_quota_summary(text);
    ASSERT_TRUE(pools) << text;
    EXPECT_TRUE(pools->empty()) << text;
  }
}

TEST(QuotaSummary, TheWindowIsInTheNameOfTheBucket) {
  EXPECT_EQ(window_of("gemini-5h"), "5h");
  EXPECT_EQ(window_of("3p-weekly"), "weekly");
  EXPECT_EQ(window_of("x-30d"), "30d");
  for (const char* none : {"", "gemini", "h", "gemini-h", "gemini-5x", "gemini-", "5h-gemini"}) {
    EXPECT_EQ(window_of(none), "") << none;
  }
}

}  // namespace
}  // namespace agp::ls
