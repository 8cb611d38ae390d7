#include "daemon/config/cost_prices.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace agp::daemon_config {
namespace {

class CostPrices : public ::testing::Test {
 protected:
  CostPrices() {
    std::string name = ::testing::TempDir() + "agp-cost-prices-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  ~CostPrices() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] config::Checked<Config> read(const std::string& text) const {
    std::ofstream(directory_ / "proxy.yaml") << text;
    Files files;
    files.proxy_file = directory_ / "proxy.yaml";
    return load(files);
  }
  [[nodiscard]] std::string faults(const std::string& text) const {
    const auto result = read(text);
    return result ? std::string() : result.error().text();
  }

  std::filesystem::path directory_;
};

TEST_F(CostPrices, NoneByDefault) {
  const auto config = read("{}\n");
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->cost_prices.empty());
  EXPECT_TRUE(config->cost_aliases.empty());
}

TEST_F(CostPrices, AreReadAsWholeNumbers) {
  const auto config = read(
      "cost:\n"
      "  prices:\n"
      "    - {model: Claude-Mythos-*, input: 40, output: 200.5}\n"
      "    - {model: gpt-5.1, provider: azure, since: 2026-10-01, above: 272000, input: 0.000001,\n"
      "       output: 1, cached: 0.125, cache_write: 2, cache_write_1h: 3}\n"
      "  aliases:\n"
      "    - {model: House-Model, as: gpt-5.1}\n");
  ASSERT_TRUE(config) << config.error().text();
  ASSERT_EQ(config->cost_prices.size(), 2U);
  const auto& first = config->cost_prices[0];
  EXPECT_EQ(first.model, "claude-mythos-*");
  EXPECT_EQ(first.input, 40'000'000U);
  EXPECT_EQ(first.output, 200'500'000U);
  EXPECT_FALSE(first.since);
  EXPECT_FALSE(first.cached);
  const auto& second = config->cost_prices[1];
  EXPECT_EQ(second.provider, "azure");
  EXPECT_EQ(*second.since, std::chrono::sys_days(std::chrono::year(2026) / 10 / 1));
  EXPECT_EQ(second.above, 272'000U);
  EXPECT_EQ(second.input, 1U);
  EXPECT_EQ(second.cached, 125'000U);
  EXPECT_EQ(second.cache_write_1h, 3'000'000U);
  ASSERT_EQ(config->cost_aliases.size(), 1U);
  EXPECT_EQ(config->cost_aliases[0].model, "house-model");
  EXPECT_EQ(config->cost_aliases[0].as, "gpt-5.1");
}

TEST_F(CostPrices, EveryFaultHasItsPlace) {
  const std::string text = faults(
      "cost:\n"
      "  prices:\n"
      "    - model: 'a*b'\n"
      "      provider: nobody\n"
      "      since: 2026-13-01\n"
      "      input: -1\n"
      "      output: 1.2345678\n"
      "      cached: 20000\n"
      "  aliases:\n"
      "    - {model: 'x*', as: 'a b'}\n");
  for (const char* expected : {":3:", "cost.prices[0].model", ":4:", "cost.prices[0].provider",
                               ":5:", "cost.prices[0].since", ":6:", "cost.prices[0].input",
                               ":7:", "cost.prices[0].output", ":8:", "cost.prices[0].cached",
                               ":10:", "cost.aliases[0].model", "cost.aliases[0].as"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << " in\n" << text;
  }
}

TEST_F(CostPrices, ModelInputAndOutputAreRequired) {
  EXPECT_NE(faults("cost: {prices: [{model: x, input: 1}]}\n").find("output"), std::string::npos);
  EXPECT_NE(faults("cost: {prices: [{output: 1, input: 1}]}\n").find("model"), std::string::npos);
  EXPECT_NE(faults("cost: {aliases: [{model: x}]}\n").find("as"), std::string::npos);
}

TEST_F(CostPrices, AChangeWaitsForARestart) {
  const auto before = read("cost: {prices: [{model: x, input: 1, output: 1}]}\n");
  const auto after = read("cost: {prices: [{model: x, input: 2, output: 1}]}\n");
  ASSERT_TRUE(before && after);
  EXPECT_EQ(changed_until_restart(*before, *after), std::vector<std::string>{"cost.prices"});
}

TEST(ParseMicroUsd, TakesUpToSixDecimals) {
  EXPECT_EQ(parse_micro_usd("0"), 0U);
  EXPECT_EQ(parse_micro_usd("2.5"), 2'500'000U);
  EXPECT_EQ(parse_micro_usd("0.000001"), 1U);
  EXPECT_EQ(parse_micro_usd("10000"), 10'000'000'000U);
  for (const char* text : {"", ".", ".5", "1.", "1.0000001", "10000.1", "100000", "-1", "+1", "1e3",
                           "1,5", " 1", "0x1", "nan"}) {
    EXPECT_FALSE(parse_micro_usd(text)) << text;
  }
}

}  // namespace
}  // namespace agp::daemon_config
