#include "daemon/cost/known_models.h"

#include "daemon/cost/builtin.h"
#include "daemon/cost/table_reader.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace agp::cost {
namespace {

PriceTable builtin() {
  auto table = read_table(builtin_table());
  EXPECT_TRUE(table);
  return std::move(*table);
}

TEST(KnownModels, SayWhatTheTableSaysEachTime) {
  const auto table = builtin();
  KnownModels known;
  for (int round = 0; round < 2; ++round) {
    for (const auto& [provider, model] :
         {std::pair("anthropic", "claude-opus-4-6"), std::pair("anthropic", "gpt-5"),
          std::pair("google", "claude-opus-4-6"), std::pair("google", "no-such-model"),
          std::pair("nobody", "gpt-5")}) {
      EXPECT_EQ(known.find(table, provider, model), table.find(provider, model))
          << provider << ' ' << model;
    }
  }
  EXPECT_NE(known.find(table, "anthropic", "claude-opus-4-6"), nullptr);
}

TEST(KnownModels, AreRightAfterMoreNamesThanAreKept) {
  const auto table = builtin();
  KnownModels known;
  const Model* const opus = known.find(table, "anthropic", "claude-opus-4-6");
  for (std::size_t i = 0; i < 2 * KnownModels::kLimit; ++i) {
    EXPECT_EQ(known.find(table, "anthropic", "nothing-" + std::to_string(i)), nullptr);
  }
  EXPECT_EQ(known.find(table, "anthropic", "claude-opus-4-6"), opus);
}

// A provider and a model that run together must not be taken for another pair.
TEST(KnownModels, KeepProviderAndModelApart) {
  PriceTable table;
  table.providers.resize(2);
  table.providers[0].id = "a";
  table.providers[1].id = "ab";
  Model model;
  model.id = "made-up";
  model.match = *Match::text(Match::Kind::equals, "c");
  model.entries.resize(1);
  table.providers[1].models.push_back(model);
  KnownModels known;
  EXPECT_EQ(known.find(table, "a", "bc"), nullptr);
  EXPECT_EQ(known.find(table, "ab", "c"), &table.providers[1].models[0]);
}

}  // namespace
}  // namespace agp::cost
