#include "daemon/cost/pricer.h"

#include "tests/daemon/cost/call.h"

#include <gtest/gtest.h>

namespace agp::cost {
namespace {

using usage::Provider;

constexpr std::uint64_t operator""_micro(unsigned long long value) {
  return value * 1'000'000U;
}

// The worked checks of wire-formats section 5.3, one each.

TEST(WorkedChecks, CachedTokensOfGeminiPro) {
  EXPECT_EQ(pico_usd(call(Provider::google, "gemini-3.1-pro-preview", {9'001, 8'192, 0, 0, 141})),
            4'948'400'000U);
}

TEST(WorkedChecks, TheThresholdItselfHasTheLowerPrice) {
  EXPECT_EQ(pico_usd(call(Provider::google, "gemini-3.1-pro-preview", {200'000, 0, 0, 0, 1'000})),
            412'000_micro);
}

TEST(WorkedChecks, OneTokenAboveTheThresholdRaisesThePriceOfAllTokens) {
  EXPECT_EQ(pico_usd(call(Provider::google, "gemini-3.1-pro-preview", {200'001, 0, 0, 0, 1'000})),
            818'004_micro);
}

TEST(WorkedChecks, AudioInputHasItsOwnPrice) {
  auto record = call(Provider::google, "gemini-3-flash-preview", {2'264, 1'000, 0, 0, 350});
  record.usage->input_by_modality = {{"text", 1'754}, {"audio", 510}};
  EXPECT_EQ(pico_usd(record), 1'987_micro);
}

TEST(WorkedChecks, ThePriceOfTheDayOfTheCall) {
  const Tokens tokens{1'000'000, 0, 0, 0, 0};
  EXPECT_EQ(pico_usd(call(Provider::google, "gemini-3.7-flash", tokens, day(2026, 12, 31))),
            750'000_micro);
  EXPECT_EQ(pico_usd(call(Provider::google, "gemini-3.7-flash", tokens, day(2027, 1, 1))),
            1'500'000_micro);
}

TEST(WorkedChecks, CacheWritesOfBothTimesToLive) {
  EXPECT_EQ(
      pico_usd(call(Provider::anthropic, "claude-opus-4-6", {20'995, 18'432, 512, 2'048, 611})),
      48'186_micro);
}

TEST(WorkedChecks, AThresholdThatWasAbolished) {
  const Tokens tokens{300'000, 0, 0, 0, 1'000};
  EXPECT_EQ(pico_usd(call(Provider::anthropic, "claude-sonnet-4-6", tokens, day(2026, 3, 12))),
            1'822'500_micro);
  EXPECT_EQ(pico_usd(call(Provider::anthropic, "claude-sonnet-4-6", tokens, day(2026, 3, 14))),
            915'000_micro);
}

TEST(WorkedChecks, CachedTokensOfGpt) {
  EXPECT_EQ(pico_usd(call(Provider::openai, "gpt-5.1", {1'300, 1'024, 0, 0, 350})), 3'973_micro);
}

TEST(WorkedChecks, TheThresholdOfGptIsOneTokenLower) {
  EXPECT_EQ(pico_usd(call(Provider::openai, "gpt-5.4", {271'999, 0, 0, 0, 900})), 693'497'500'000U);
  EXPECT_EQ(pico_usd(call(Provider::openai, "gpt-5.4", {272'000, 0, 0, 0, 900})), 1'380'250_micro);
}

TEST(WorkedChecks, CacheWritesOfGpt) {
  EXPECT_EQ(pico_usd(call(Provider::openai, "gpt-5.6-sol", {16'000, 14'336, 1'200, 0, 420})),
            21'990'400'000U);
}

// What is not known.

TEST(Pricer, UnknownUsageHasNoCost) {
  auto record = call(Provider::openai, "gpt-5.1", {10, 0, 0, 0, 10});
  record.usage.reset();
  record.usage_state = usage::UsageState::none;
  record.cost = usage::Cost{1, "stale", false};
  EXPECT_FALSE(priced(builtin(), record));
}

TEST(Pricer, AnUnknownModelHasNoCostAndNotAZeroOne) {
  EXPECT_FALSE(priced(builtin(), call(Provider::openai, "gpt-99", {10, 0, 0, 0, 10})));
  auto record = call(Provider::openai, "gpt-5.1", {10, 0, 0, 0, 10});
  record.model.reset();
  EXPECT_FALSE(priced(builtin(), record));
}

TEST(Pricer, AModelThatIsListedWithoutPricesHasNoCost) {
  EXPECT_FALSE(priced(builtin(), call(Provider::google, "gemma-4-31b-it", {10, 0, 0, 0, 10})));
}

TEST(Pricer, OutputOfAModelThatHasNoOutputPriceHasNoCost) {
  EXPECT_EQ(pico_usd(call(Provider::google, "gemini-embedding-001", {100, 0, 0, 0, 0})), 15_micro);
  EXPECT_FALSE(pico_usd(call(Provider::google, "gemini-embedding-001", {100, 0, 0, 0, 1})));
}

TEST(Pricer, NoTokensCostNothingAndThatIsKnown) {
  EXPECT_EQ(pico_usd(call(Provider::openai, "gpt-5.1", {})), 0U);
}

TEST(Pricer, RunningNumbersArePricedAsTheyAre) {
  auto record = call(Provider::anthropic, "claude-haiku-4-5", {1'000, 0, 0, 0, 3});
  record.usage_state = usage::UsageState::provisional;
  record.outcome = usage::Outcome::partial;
  EXPECT_EQ(pico_usd(record), 1'015_micro);
}

TEST(Pricer, AnAmountThatNoCallCostsIsNoPrice) {
  const std::uint64_t most = 1'000'000'000'000;
  EXPECT_FALSE(pico_usd(call(Provider::openai, "o1-pro", {most, 0, 0, 0, most})));
  // 1.25 USD per million input tokens: 10,000 USD exactly, and a token more.
  EXPECT_EQ(pico_usd(call(Provider::openai, "gpt-5.1", {8'000'000'000, 0, 0, 0, 0})),
            10'000'000'000'000'000U);
  EXPECT_FALSE(pico_usd(call(Provider::openai, "gpt-5.1", {8'000'000'001, 0, 0, 0, 0})));
}

TEST(Pricer, NamesTheListItUsed) {
  const auto cost = priced(builtin(), call(Provider::openai, "gpt-5.1", {1, 0, 0, 0, 1}));
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->price_version, builtin().version());
  EXPECT_TRUE(cost->price_version.starts_with("genai-prices-"));
  EXPECT_FALSE(cost->is_aliased);
}

// Names.

TEST(Pricer, NamesOfCodeAssistHaveThePriceOfThePlainModelAndSaySo) {
  const Tokens tokens{1'000'000, 0, 0, 0, 0};
  const std::pair<const char*, std::uint64_t> kCases[] = {
      {"gemini-3-flash", 500'000_micro},
      {"gemini-3-pro-high", 4'000'000_micro},
      {"gemini-3.1-pro-low", 4'000'000_micro},
      {"gemini-3.5-flash-low", 1'500'000_micro},
      {"gemini-3.5-flash-extra-low", 1'500'000_micro},
      {"gemini-2.5-flash-thinking", 300'000_micro},
      {"gemini-pro-agent", 4'000'000_micro},
      {"gemini-3-flash-agent", 500'000_micro},
      {"gpt-oss-120b-medium", 39'000_micro},
      {"claude-opus-5-high", 5'000'000_micro},
      {"claude-opus-5-5-thinking", 4'000'000_micro},
  };
  for (const auto& [model, pico] : kCases) {
    const auto cost = priced(builtin(), call(Provider::google, model, tokens));
    ASSERT_TRUE(cost) << model;
    EXPECT_EQ(cost->pico_usd, pico) << model;
    EXPECT_TRUE(cost->is_aliased) << model;
  }
}

TEST(Pricer, TakesCapitalLettersAsSmallOnes) {
  EXPECT_EQ(pico_usd(call(Provider::google, "Gemini-3.8-Flash", {1'000'000, 0, 0, 0, 0})),
            750'000_micro);
}

TEST(Pricer, ANewerSiblingIsNotSwallowed) {
  const Tokens tokens{1'000, 0, 0, 0, 10};
  for (const char* model : {"claude-sonnet-5-5", "claude-sonnet-5-5-20261101", "claude-sonnet-5.5",
                            "claude-haiku-5-5", "claude-fable-5-2", "claude-opus-4-10"}) {
    EXPECT_FALSE(pico_usd(call(Provider::anthropic, model, tokens))) << model;
  }
  for (const char* model : {"gemini-3.6-flash-lite", "gemini-3.8-flash-image", "gemini-2.5-pro-2",
                            "claude-sonnet-5-5@20261101"}) {
    EXPECT_FALSE(pico_usd(call(Provider::google, model, tokens))) << model;
  }
}

TEST(Pricer, ADatedNameIsTheModelItself) {
  for (const char* model : {"claude-sonnet-5-20260801", "claude-sonnet-4-5-20250929",
                            "claude-opus-4-1-20250805", "claude-opus-4-20250514"}) {
    const auto cost = priced(builtin(), call(Provider::anthropic, model, {1'000, 0, 0, 0, 10}));
    ASSERT_TRUE(cost) << model;
    EXPECT_FALSE(cost->is_aliased) << model;
  }
  EXPECT_TRUE(pico_usd(call(Provider::google, "claude-opus-4-6@20260205", {1'000, 0, 0, 0, 10})));
  EXPECT_TRUE(
      pico_usd(call(Provider::google, "gemini-2.5-pro-preview-05-06", {1'000, 0, 0, 0, 1})));
  EXPECT_TRUE(pico_usd(call(Provider::openai, "gpt-5.1-20251113", {1'000, 0, 0, 0, 10})));
}

TEST(Pricer, AModelOfAnotherVendorHasThePriceOfWhoSellsIt) {
  EXPECT_EQ(pico_usd(call(Provider::google, "claude-haiku-4-5", {1'000'000, 0, 0, 0, 0})),
            1'000'000_micro);
  EXPECT_EQ(pico_usd(call(Provider::azure, "gpt-5.1", {1'000'000, 0, 0, 0, 0})), 1'250'000_micro);
}

// Factors and fees.

TEST(Pricer, BatchAndFlexCostHalf) {
  for (const char* tier : {"batch", "flex", "BATCH"}) {
    auto record = call(Provider::openai, "gpt-5.1", {1'300, 1'024, 0, 0, 350});
    record.service_tier = tier;
    EXPECT_EQ(pico_usd(record), 3'973_micro / 2) << tier;
  }
}

TEST(Pricer, ATierThatIsTheListPriceChangesNothing) {
  for (const char* tier : {"default", "standard", "on_demand", ""}) {
    auto record = call(Provider::google, "gemini-3.8-flash", {1'000'000, 0, 0, 0, 0});
    record.service_tier = tier;
    EXPECT_EQ(pico_usd(record), 750'000_micro) << tier;
  }
}

TEST(Pricer, PriorityHasTheFactorOfItsModel) {
  const std::pair<const char*, std::uint64_t> kCases[] = {
      {"gpt-5.1", 2'500'000_micro}, {"gpt-5-mini", 450'000_micro}, {"gpt-4o-mini", 250'000_micro}};
  for (const auto& [model, pico] : kCases) {
    auto record = call(Provider::openai, model, {1'000'000, 0, 0, 0, 0});
    record.service_tier = "priority";
    EXPECT_EQ(pico_usd(record), pico) << model;
  }
  auto google = call(Provider::google, "gemini-3.7-flash", {1'000'000, 0, 0, 0, 0});
  google.service_tier = "on_demand_priority";
  EXPECT_EQ(pico_usd(google), 1'350'000_micro);
}

TEST(Pricer, AFactorThatIsNotKnownLeavesTheCallUnpriced) {
  auto record = call(Provider::openai, "gpt-5.4-nano", {1'000, 0, 0, 0, 10});
  record.service_tier = "priority";
  EXPECT_FALSE(pico_usd(record));
  record.service_tier = "a-tier-of-tomorrow";
  EXPECT_FALSE(pico_usd(record));
}

TEST(Pricer, FastModeAndDataResidencyMultiply) {
  auto record = call(Provider::anthropic, "claude-opus-4-6", {1'000, 0, 0, 0, 0});
  record.service_tier = "standard";
  record.modifiers.inference_geo = "us";
  EXPECT_EQ(pico_usd(record), 5'500_micro);
  record.modifiers.speed = "fast";
  EXPECT_EQ(pico_usd(record), 33'000_micro);
  record.modifiers.inference_geo = "global";
  EXPECT_EQ(pico_usd(record), 30'000_micro);
}

TEST(Pricer, FastModeOfAModelWithoutAKnownFactorLeavesTheCallUnpriced) {
  auto record = call(Provider::anthropic, "claude-opus-5", {1'000, 0, 0, 0, 0});
  record.modifiers.speed = "fast";
  EXPECT_FALSE(pico_usd(record));
}

TEST(Pricer, DataResidencyCostsNothingBeforeOpus46) {
  auto record = call(Provider::anthropic, "claude-opus-4-5", {1'000, 0, 0, 0, 0});
  record.modifiers.inference_geo = "us";
  EXPECT_EQ(pico_usd(record), 5'000_micro);
}

TEST(Pricer, RoundsOnceAtTheEnd) {
  auto record = call(Provider::openai, "o4-mini", {1, 0, 0, 0, 0}, day(2026, 1, 1));
  record.service_tier = "priority";  // 20/11 of 1.1 USD
  EXPECT_EQ(pico_usd(record), 2'000'000U);
  auto third = call(Provider::openai, "gpt-4o-mini", {1, 1, 0, 0, 0});
  third.service_tier = "priority";  // 5/3 of 0.075 USD
  EXPECT_EQ(pico_usd(third), 125'000U);
}

TEST(Pricer, SearchesHaveAFeeThatNoFactorTouches) {
  auto record = call(Provider::anthropic, "claude-haiku-4-5", {1'000, 0, 0, 0, 0});
  record.server_tools = {{"web_search", 3}, {"web_fetch", 7}};
  EXPECT_EQ(pico_usd(record), 1'000_micro + 30'000_micro);
  record.service_tier = "batch";
  EXPECT_EQ(pico_usd(record), 500_micro + 30'000_micro);
  auto file = call(Provider::openai, "gpt-5.1", {});
  file.server_tools = {{"file_search", 2}};
  EXPECT_EQ(pico_usd(file), 5'000_micro);
}

// Rows beside the call's own numbers.

usage::AdditionalUsage row(std::string kind, std::optional<std::string> model, Tokens tokens) {
  const auto record = call(Provider::anthropic, "", tokens);
  return {std::move(kind), std::move(model), *record.usage};
}

TEST(Pricer, AdditionalUsageHasThePriceOfItsOwnModel) {
  auto record = call(Provider::anthropic, "claude-sonnet-5", {1'000, 0, 0, 0, 0});
  record.additional_usage = {row("compaction", std::nullopt, {500, 0, 0, 0, 100}),
                             row("advisor_message", "claude-opus-5", {1'000, 0, 0, 0, 10})};
  EXPECT_EQ(pico_usd(record), 2'000_micro + 1'000_micro + 1'000_micro + 5'000_micro + 250_micro);
}

TEST(Pricer, ARowWithoutAPriceLeavesTheWholeCallUnpriced) {
  auto record = call(Provider::anthropic, "claude-sonnet-5", {1'000, 0, 0, 0, 0});
  record.additional_usage = {row("advisor_message", "claude-mythos-1", {1'000, 0, 0, 0, 10})};
  EXPECT_FALSE(pico_usd(record));
}

// Prices of one's own.

Pricer with(std::vector<PriceOverride> own, std::vector<ModelAlias> aliases = {}) {
  return *Pricer::builtin(std::move(own), std::move(aliases));
}

PriceOverride own_price(std::string model, std::uint64_t input, std::uint64_t output) {
  PriceOverride own;
  own.model = std::move(model);
  own.input = input;
  own.output = output;
  return own;
}

TEST(OwnPrices, TakeThePlaceOfTheListAndSaySo) {
  const auto pricer = with({own_price("gpt-5.1", 1'000'000, 2'000'000)});
  const auto cost = priced(pricer, call(Provider::openai, "gpt-5.1", {1'000, 500, 100, 0, 1'000}));
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->pico_usd, 3'000_micro);  // no price for the cache: that of input
  EXPECT_EQ(cost->price_version, "proxy.yaml");
  EXPECT_EQ(pico_usd(pricer, call(Provider::openai, "gpt-5.2", {1'000, 0, 0, 0, 0})), 1'750_micro);
}

TEST(OwnPrices, RowsAreRoundedTogetherWithTheCall) {
  const auto pricer = with({own_price("house-model", 1, 1)});
  auto record = call(Provider::anthropic, "house-model", {1, 0, 0, 0, 0});
  record.service_tier = "batch";
  EXPECT_EQ(pico_usd(pricer, record), 1U);  // half a pico-USD
  record.additional_usage = {row("compaction", std::nullopt, {1, 0, 0, 0, 0})};
  EXPECT_EQ(pico_usd(pricer, record), 1U);
  record.additional_usage.push_back(row("compaction", std::nullopt, {1, 0, 0, 0, 0}));
  EXPECT_EQ(pico_usd(pricer, record), 2U);
}

TEST(OwnPrices, GiveAPriceToAModelThatHasNone) {
  const auto pricer = with({own_price("claude-mythos-*", 40'000'000, 200'000'000)});
  EXPECT_EQ(pico_usd(pricer, call(Provider::anthropic, "claude-mythos-1", {1'000, 0, 0, 0, 10})),
            42'000_micro);
}

TEST(OwnPrices, TheLastOneThatHoldsCounts) {
  auto old = own_price("gpt-5.1", 1'000'000, 1'000'000);
  auto newer = own_price("gpt-5.1", 2'000'000, 2'000'000);
  newer.since = std::chrono::floor<std::chrono::days>(day(2026, 6, 1));
  auto large = own_price("gpt-5.1", 3'000'000, 3'000'000);
  large.since = newer.since;
  large.above = 1'000;
  const auto pricer = with({old, newer, large});
  const auto at = [&](usage::Micros time, std::uint64_t tokens) {
    return pico_usd(pricer, call(Provider::openai, "gpt-5.1", {tokens, 0, 0, 0, 0}, time));
  };
  EXPECT_EQ(at(day(2026, 5, 31), 1'001), 1'001_micro);
  EXPECT_EQ(at(day(2026, 6, 1), 1'000), 2'000_micro);
  EXPECT_EQ(at(day(2026, 6, 1), 1'001), 3'003_micro);
}

TEST(OwnPrices, OfAProviderHoldForThatProviderOnly) {
  auto own = own_price("gpt-5.1", 1, 1);
  own.provider = "azure";
  const auto pricer = with({own});
  EXPECT_EQ(pico_usd(pricer, call(Provider::azure, "gpt-5.1", {1'000, 0, 0, 0, 0})), 1'000U);
  EXPECT_EQ(pico_usd(pricer, call(Provider::openai, "gpt-5.1", {1'000, 0, 0, 0, 0})), 1'250_micro);
}

TEST(OwnPrices, HoldForTheVariantsOfAModelToo) {
  const auto pricer = with({own_price("gemini-3.1-pro-preview", 1'000'000, 1'000'000)});
  const auto cost =
      priced(pricer, call(Provider::google, "gemini-3.1-pro-high", {1'000, 0, 0, 0, 0}));
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->pico_usd, 1'000_micro);
  EXPECT_TRUE(cost->is_aliased);
}

TEST(OwnPrices, AnAliasOfOnesOwnComesFirst) {
  const auto pricer =
      with({}, {{"gpt-5.1", "gpt-5-mini", ""}, {"house-model", "gpt-5.1", "openai"}});
  const auto cost = priced(pricer, call(Provider::openai, "gpt-5.1", {1'000, 0, 0, 0, 0}));
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->pico_usd, 250_micro);
  EXPECT_TRUE(cost->is_aliased);
  EXPECT_EQ(pico_usd(pricer, call(Provider::google, "house-model", {1'000, 0, 0, 0, 0})),
            1'250_micro);
}

}  // namespace
}  // namespace agp::cost
