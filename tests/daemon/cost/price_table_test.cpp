#include "daemon/cost/price_table.h"

#include "tests/daemon/cost/call.h"

#include <gtest/gtest.h>

namespace agp::cost {
namespace {

using namespace std::chrono_literals;

Model model(std::string id, std::uint64_t price) {
  Entry entry;
  entry.prices[0] = Price{price, {}};
  return {id, *Match::text(Match::Kind::starts_with, id), {entry}};
}

Entry entry(std::uint64_t price) {
  Entry made;
  made.prices[0] = Price{price, {}};
  return made;
}

std::uint64_t price_at(const Model& of, Time time) {
  return price_of(of.prices_at(time), Unit::input)->base;
}

TEST(PriceTable, TheFirstModelThatMatchesCounts) {
  const PriceTable table{"v", "d", {{"a", {}, {model("x-1", 1), model("x", 2)}}}};
  EXPECT_EQ(table.find("a", "x-1")->id, "x-1");
  EXPECT_EQ(table.find("a", "x-z")->id, "x");
  EXPECT_EQ(table.find("a", "y"), nullptr);
  EXPECT_EQ(table.find("b", "x"), nullptr);
}

TEST(PriceTable, FallsBackOnlyWhereTheProviderNamesTheOther) {
  const PriceTable table{
      "v", "d", {{"a", {"nobody", "b"}, {model("x", 1)}}, {"b", {}, {model("y", 2)}}}};
  EXPECT_EQ(table.find("a", "y")->id, "y");
  EXPECT_EQ(table.find("b", "x"), nullptr);
}

TEST(PriceTable, TriesADateInItsOtherSpellingLast) {
  const auto equals = [](std::string id) {
    return Model{id, *Match::text(Match::Kind::equals, id), {entry(1)}};
  };
  const PriceTable table{"v", "d", {{"a", {}, {equals("x-2025-10-01"), equals("y-20251002")}}}};
  EXPECT_NE(table.find("a", "x-20251001"), nullptr);
  EXPECT_NE(table.find("a", "y-20251002"), nullptr);
  EXPECT_EQ(table.find("a", "x-20251301"), nullptr);   // no month
  EXPECT_EQ(table.find("a", "x-202510011"), nullptr);  // no date
}

TEST(Price, ATierBeginsAboveItsThreshold) {
  const Price price{1, {{100, 2}, {200, 3}}};
  EXPECT_EQ(price.at(0), 1U);
  EXPECT_EQ(price.at(100), 1U);
  EXPECT_EQ(price.at(101), 2U);
  EXPECT_EQ(price.at(201), 3U);
}

TEST(Model, TheLastEntryThatHoldsCounts) {
  Model of = model("x", 1);
  of.entries.push_back(entry(2));
  of.entries.back().start = std::chrono::floor<std::chrono::days>(day(2026, 3, 13));
  EXPECT_EQ(price_at(of, day(2026, 3, 13) - 1us), 1U);
  EXPECT_EQ(price_at(of, day(2026, 3, 13)), 2U);
}

TEST(Model, ATimeOfDayMayRunOverMidnight) {
  Model of = model("x", 1);
  of.entries.push_back(entry(2));
  of.entries.back().daily.emplace(16h + 30min, 30min);
  EXPECT_EQ(price_at(of, day(2026, 1, 1) + 16h), 1U);
  EXPECT_EQ(price_at(of, day(2026, 1, 1) + 16h + 30min), 2U);
  EXPECT_EQ(price_at(of, day(2026, 1, 2) + 29min), 2U);
  EXPECT_EQ(price_at(of, day(2026, 1, 2) + 30min), 1U);
  of.entries.back().daily.emplace(1h, 2h);
  EXPECT_EQ(price_at(of, day(2026, 1, 1) + 90min), 2U);
  EXPECT_EQ(price_at(of, day(2026, 1, 1) + 2h), 1U);
}

TEST(Model, WithoutAnEntryThatHoldsTheFirstCounts) {
  Model of = model("x", 1);
  of.entries.front().start = std::chrono::floor<std::chrono::days>(day(2026, 3, 13));
  EXPECT_EQ(price_at(of, day(2020, 1, 1)), 1U);
}

}  // namespace
}  // namespace agp::cost
