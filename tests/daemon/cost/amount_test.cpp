#include "daemon/cost/amount.h"

#include <gtest/gtest.h>

namespace agp::cost {
namespace {

Prices prices(std::initializer_list<std::pair<Unit, std::uint64_t>> list) {
  Prices made;
  for (const auto& [unit, price] : list) {
    made[static_cast<std::size_t>(unit)] = Price{price, {}};
  }
  return made;
}

usage::Usage usage_of(std::uint64_t uncached, std::uint64_t cached, std::uint64_t write) {
  usage::Usage usage;
  usage.input_uncached = uncached;
  usage.cached_input = cached;
  usage.cache_write = write;
  usage.input_total = uncached + cached + write;
  return usage;
}

std::uint64_t cost(const Prices& of, const usage::Usage& usage) {
  return static_cast<std::uint64_t>(token_cost(of, usage).value_or(0));
}

TEST(TokenCost, AClassWithoutAPriceHasThatOfItsParent) {
  const auto usage = usage_of(1, 10, 100);
  EXPECT_EQ(cost(prices({{Unit::input, 5}}), usage), 555U);
  EXPECT_EQ(cost(prices({{Unit::input, 5}, {Unit::cached, 1}}), usage), 515U);
}

TEST(TokenCost, WritesForAnHourHaveTheirPrice) {
  auto usage = usage_of(0, 0, 100);
  usage.cache_write_by_ttl = {{"5m", 30}, {"1h", 70}};
  const auto full = prices({{Unit::input, 1}, {Unit::cache_write, 2}, {Unit::cache_write_1h, 3}});
  EXPECT_EQ(cost(full, usage), 30U * 2 + 70U * 3);
  EXPECT_EQ(cost(prices({{Unit::input, 1}, {Unit::cache_write, 2}}), usage), 200U);
}

TEST(TokenCost, WritesOfUnknownLifeAreTheShortest) {
  auto usage = usage_of(0, 0, 100);
  usage.cache_write_by_ttl = {{"5m", 10}, {"1h", 20}};
  const auto full = prices({{Unit::input, 1}, {Unit::cache_write, 2}, {Unit::cache_write_1h, 3}});
  EXPECT_EQ(cost(full, usage), 80U * 2 + 20U * 3);
  usage.cache_write_by_ttl = {{"1h", 500}};  // more than there are
  EXPECT_EQ(cost(full, usage), 300U);
}

TEST(TokenCost, CachedAudioNeedsBothStatements) {
  const auto full = prices(
      {{Unit::input, 1}, {Unit::cached, 2}, {Unit::input_audio, 100}, {Unit::cached_audio, 1'000}});
  auto usage = usage_of(50, 50, 0);
  usage.input_by_modality = {{"audio", 20}, {"text", 80}};
  EXPECT_EQ(cost(full, usage), 30U + 20U * 100 + 50U * 2);  // overlap unknown: none
  usage.cached_by_modality = {{"audio", 5}};
  EXPECT_EQ(cost(full, usage), 35U + 15U * 100 + 5U * 1'000 + 45U * 2);
}

TEST(TokenCost, NoTokenIsChargedTwice) {
  const auto full = prices({{Unit::input, 1}, {Unit::input_audio, 100}, {Unit::input_image, 100}});
  auto usage = usage_of(10, 0, 0);
  usage.input_by_modality = {{"audio", 8}, {"image", 8}};
  EXPECT_EQ(cost(full, usage), 1'000U);
}

TEST(TokenCost, ImagesOfTheOutputHaveTheirPrice) {
  auto usage = usage_of(0, 0, 0);
  usage.output_total = 30;
  usage.output_by_modality = {{"image", 20}};
  const auto full = prices({{Unit::input, 1}, {Unit::output, 2}, {Unit::output_image, 100}});
  EXPECT_EQ(cost(full, usage), 2'020U);
}

TEST(TokenCost, TokensWithoutAPriceMakeTheWholeUnknown) {
  auto usage = usage_of(1, 0, 0);
  usage.output_total = 1;
  EXPECT_FALSE(token_cost(prices({{Unit::input, 1}}), usage));
  EXPECT_FALSE(token_cost(Prices{}, usage_of(0, 0, 0)));
}

TEST(TokenCost, IsExactBeyond64Bits) {
  const auto full = prices({{Unit::input, 10'000'000'000}});
  const auto most = token_cost(full, usage_of(1'000'000'000'000, 0, 0));
  ASSERT_TRUE(most);
  EXPECT_TRUE(*most == Wide(10'000'000'000U) * 1'000'000'000'000U);
}

TEST(ToolFees, ArePerThousand) {
  const auto full = prices({{Unit::input, 1}, {Unit::web_search, 10'000'000}});
  EXPECT_TRUE(tool_fees(full, {{"web_search", 1}}) == 10'000'000'000U);  // one cent
  EXPECT_TRUE(tool_fees(full, {{"file_search", 1}, {"input", 5}}) == 0U);
}

}  // namespace
}  // namespace agp::cost
