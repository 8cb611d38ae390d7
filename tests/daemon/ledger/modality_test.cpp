#include "daemon/ledger/modality.h"

#include "daemon/ledger/questions.h"
#include "daemon/ledger/retention.h"
#include "tests/daemon/ledger/ledger_file.h"

#include <limits>
#include <optional>

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

using test::call;
using test::LedgerFile;

Totals totals_of(LedgerFile& file) {
  auto totals = ask_totals(file.database);
  EXPECT_TRUE(totals) << totals.error().text();
  return totals ? *totals : Totals{};
}

// Of 100 tokens of input, 40 of them cached, and 30 of output.
usage::Record call_with(std::string id, std::string model, usage::ModalityCounts input) {
  auto record = call(std::move(id), std::move(model), 100, 30);
  record.usage->cached_input = 40;
  record.usage->input_uncached = 60;
  record.usage->input_by_modality = std::move(input);
  return record;
}

TEST(Modality, ASplitIsWhatTheProviderSaid) {
  auto record = call_with("1", "m", {{"text", 70}, {"video", 20}});
  record.usage->output_by_modality = {{"image", 25}};
  record.usage->cached_by_modality = {{"text", 40}};
  EXPECT_EQ(by_modality_of(record),
            (ByModality{{"image", {0, 25, 0}}, {"text", {70, 0, 40}}, {"video", {20, 0, 0}}}));
}

TEST(Modality, WhatIsNotToldIsNone) {
  EXPECT_EQ(by_modality_of(call("1", "m", 100, 30)), ByModality{});
  EXPECT_EQ(by_modality_of(call_with(
                "1", "m", {{"modality_unspecified", 9}, {"unknown", 9}, {"", 9}, {"text", 0}})),
            ByModality{});
  auto failed = call("1", "m", 0, 0);
  failed.usage.reset();
  EXPECT_EQ(by_modality_of(failed), ByModality{});
}

TEST(Modality, ASplitOfMoreThanTheWholeIsNone) {
  EXPECT_EQ(by_modality_of(call_with("1", "m", {{"audio", 1}, {"text", 99}})).size(), 2U);
  EXPECT_EQ(by_modality_of(call_with("1", "m", {{"audio", 2}, {"text", 99}})), ByModality{});
  const auto most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(by_modality_of(call_with("1", "m", {{"audio", 2}, {"text", most}})), ByModality{})
      << "nor does it wrap around";
  auto too_large = call("1", "m", most, 0);  // not known in the sums
  too_large.usage->input_by_modality = {{"text", 5}};
  EXPECT_EQ(by_modality_of(too_large), ByModality{});
}

TEST(Modality, TotalsHaveItByOrigin) {
  LedgerFile file;
  auto other = call_with("3", "flash", {{"text", 7}});
  other.local_uid = 7;  // another key of the same origin
  file.keep(std::vector{call_with("1", "flash", {{"text", 50}, {"audio", 50}}),
                        call_with("2", "pro", {{"text", 100}}), other});
  file.keep(call_with("4", "flash", {{"text", 1}}));
  const auto totals = totals_of(file);
  ASSERT_EQ(totals.groups.size(), 2U);
  EXPECT_EQ(totals.groups[0].key[0], "flash");
  EXPECT_EQ(totals.groups[0].by_modality,
            (ByModality{{"audio", {50, 0, 0}}, {"text", {58, 0, 0}}}));
  EXPECT_EQ(totals.groups[1].by_modality, (ByModality{{"text", {100, 0, 0}}}));
}

TEST(Modality, NamesStandInTheOrderInWhichTheyCame) {
  LedgerFile file;
  file.keep(std::vector{call_with("1", "z", {{"video", 1}}), call_with("2", "a", {{"text", 1}})});
  file.keep(call_with("3", "a", {{"audio", 1}, {"video", 1}}));
  EXPECT_EQ(totals_of(file).modalities, (std::vector<std::string>{"video", "text", "audio"}));
}

TEST(Modality, AgeingTakesNothingAway) {
  LedgerFile file;
  file.keep(call_with("1", "m", {{"text", 100}}));
  const auto later = test::at(test::kMorning) + std::chrono::days(1'000);
  bool has_more = true;
  while (has_more) {
    const auto step = age_one_step(file.database, {}, later);
    ASSERT_TRUE(step) << step.error().text();
    has_more = step->has_more;
  }
  ASSERT_EQ(file.count("record") + file.count("quarter_sum"), 0);
  EXPECT_EQ(totals_of(file).groups.at(0).by_modality, (ByModality{{"text", {100, 0, 0}}}));
}

TEST(Modality, ACallThatIsTiedAfterwardsCountsOnce) {
  LedgerFile file;
  const auto before = call_with("1", "m", {{"text", 100}});
  file.keep(before);
  auto after = before;
  after.cascade_id = "c";
  ASSERT_TRUE(move_in_rollups(file.database, before, after));
  EXPECT_EQ(totals_of(file).groups.at(0).by_modality, (ByModality{{"text", {100, 0, 0}}}));
  after.model = "n";
  ASSERT_TRUE(move_in_rollups(file.database, before, after));
  const auto totals = totals_of(file);
  ASSERT_EQ(totals.groups.size(), 1U);
  EXPECT_EQ(totals.groups[0].by_modality, (ByModality{{"text", {100, 0, 0}}}));
}

TEST(Modality, ASumThatNoLongerFitsDoesNotStopTheWriter) {
  LedgerFile file;
  const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::vector<usage::Record> records;
  for (const char* id : {"1", "2", "3"}) {
    records.push_back(call(id, "m", most, 0));
    records.back().usage->input_by_modality = {{"text", most}};
  }
  file.keep(records.front());
  file.keep(std::span(records).subspan(1));
  EXPECT_EQ(totals_of(file).groups.at(0).by_modality, (ByModality{{"text", {most, 0, 0}}}));
}

}  // namespace
}  // namespace agp::ledger
