#include "daemon/metrics/call_totals.h"

#include "tests/daemon/metrics/support.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace agp::metrics {
namespace {

using namespace std::chrono_literals;
using test::answer;
using test::at;
using test::call;

ledger::Sums all(const CallTotals& totals) {
  ledger::Sums sum;
  const auto by_origin = totals.totals();
  EXPECT_TRUE(by_origin);
  for (const auto& [origin, total] : by_origin.value_or(CallTotals::ByOrigin())) {
    sum.add(total.sums);
  }
  return sum;
}

std::uint64_t timed(const CallTotals& totals) {
  std::uint64_t calls = 0;
  for (const auto& [series, values] : totals.times().by_series) {
    for (const auto count : values.duration.buckets) {
      calls += count;
    }
  }
  return calls;
}

// Commits 11 to 14 happen while the ledger, which had ten records, is being asked. Wherever its
// answer stands among them, and wherever the notices stand around the answer, there are fourteen.
TEST(CallTotals, CountACallOnceWhereverTheAnswerStandsAmongTheCommits) {
  std::vector<usage::Record> records;
  for (std::uint64_t sequence = 1; sequence <= 14; ++sequence) {
    records.push_back(call(sequence, sequence % 2 == 0 ? "even" : "odd", sequence));
  }
  for (std::size_t answered = 10; answered <= 14; ++answered) {
    for (std::size_t announced = 10; announced <= 14; ++announced) {
      CallTotals totals;
      for (std::size_t i = 10; i < announced; ++i) {
        EXPECT_FALSE(totals.on_commit(records[i])) << "the question is under way";
      }
      totals.begin_with(
          answer({records.begin(), records.begin() + static_cast<std::ptrdiff_t>(answered)}));
      for (std::size_t i = announced; i < 14; ++i) {
        EXPECT_FALSE(totals.on_commit(records[i]));
      }
      EXPECT_EQ(all(totals).calls, 14U) << answered << ' ' << announced;
      EXPECT_EQ(all(totals).output_total, 105U) << answered << ' ' << announced;
      EXPECT_EQ(timed(totals), 4U) << "those of this process, each once";
    }
  }
}

TEST(CallTotals, AreUnknownUntilTheLedgerHasAnswered) {
  CallTotals totals;
  EXPECT_FALSE(totals.totals());
  totals.begin_with(Error{ledger::Errc::damaged, "test"});
  EXPECT_FALSE(totals.totals()) << "no answer is not zero";
  EXPECT_TRUE(totals.on_commit(call(7, "a"))) << "it can be asked again";
  EXPECT_FALSE(totals.on_commit(call(8, "a"))) << "and is being asked";
  totals.begin_with(answer({call(6, "a"), call(7, "a")}));
  EXPECT_EQ(all(totals).calls, 3U);
}

TEST(CallTotals, AnotherFileIsAskedAnew) {
  CallTotals totals;
  totals.begin_with(answer({call(1, "a"), call(2, "a")}));
  EXPECT_FALSE(totals.on_commit(call(3, "a")));
  EXPECT_TRUE(totals.on_commit(call(1, "b"))) << "places begin again";
  EXPECT_FALSE(totals.totals());
  totals.begin_with(answer({call(1, "b")}));
  EXPECT_EQ(all(totals).calls, 1U);
}

TEST(CallTotals, TheSameModelsKeepTheirNamesAfterARestart) {
  std::vector<usage::Record> records;
  CallTotals before;
  before.begin_with(ledger::Totals{});
  for (std::uint64_t i = 1; i <= 1'000; ++i) {
    records.push_back(call(i, "model-" + std::to_string(1'000 - i), i));
    records.back().request_model = "alias-" + std::to_string(i % 50);
    (void)before.on_commit(records.back());
  }
  CallTotals after;
  after.begin_with(answer(records));
  EXPECT_EQ(before.totals(), after.totals());
  EXPECT_EQ(all(after).output_total, 500'500U) << "sums stay exact beyond the bound";
}

TEST(CallTotals, TheSameModalitiesKeepTheirNamesAfterARestart) {
  std::vector<usage::Record> records;
  CallTotals before;
  before.begin_with(ledger::Totals{});
  for (std::uint64_t i = 1; i <= 300; ++i) {
    records.push_back(call(i, "model-" + std::to_string(i % 3), i));
    records.back().usage->input_by_modality = {{"sense-" + std::to_string((300 - i) % 100), i},
                                               {"text", i}};
    (void)before.on_commit(records.back());
  }
  CallTotals after;
  after.begin_with(answer(records));
  EXPECT_EQ(before.totals(), after.totals());
  std::set<std::string> names;
  for (const auto& [origin, total] : after.totals().value_or(CallTotals::ByOrigin())) {
    for (const auto& [modality, tokens] : total.by_modality) {
      names.insert(modality);
    }
  }
  EXPECT_EQ(names.size(), CallTotals::kMostModalities);
  EXPECT_TRUE(names.contains("text"));
}

TEST(CallTotals, AreBoundedWhateverClientsName) {
  CallTotals totals;
  totals.begin_with(ledger::Totals{});
  for (std::uint64_t i = 1; i <= 4'000; ++i) {
    auto record = call(i, "model-" + std::to_string(i % 1'000));
    record.request_model = "alias-" + std::to_string(i % 991);
    record.host = "host-" + std::to_string(i % 997);
    record.http_status = static_cast<std::uint16_t>(400 + i % 200);
    record.outcome = i % 3 == 0 ? usage::Outcome::error : usage::Outcome::ok;
    (void)totals.on_commit(record);
  }
  const auto by_origin = *totals.totals();
  // One more for each provider and kind that share what is beyond the bound.
  EXPECT_LE(by_origin.size(), CallTotals::kMostOrigins + 1);
  EXPECT_LE(totals.times().by_series.size(), CallTotals::kMostSeries + 2);
  std::set<std::string> models;
  std::set<std::string> request_models;
  std::set<std::string> hosts;
  for (const auto& [origin, total] : by_origin) {
    models.insert(origin.model);
    request_models.insert(origin.request_model);
    hosts.insert(origin.host);
  }
  EXPECT_LE(models.size(), CallTotals::kMostModels + 1);
  EXPECT_LE(request_models.size(), CallTotals::kMostModels + 1);
  EXPECT_LE(hosts.size(), CallTotals::kMostHosts + 1);
  EXPECT_EQ(all(totals).calls, 4'000U);
  EXPECT_EQ(timed(totals), 4'000U);
}

TEST(CallTotals, TimesOfAStreamAreThoseOfItsChunks) {
  CallTotals totals;
  totals.begin_with(ledger::Totals{});
  auto record = call(1, "a");
  record.pace.emplace();
  record.pace->first_chunk_at = record.pace->last_chunk_at = at(100s + 300ms);
  record.pace->add(at(100s + 350ms));
  (void)totals.on_commit(record);
  const auto values = totals.times().by_series.begin()->second;
  EXPECT_EQ(values.first_chunk.sum, 300'000U);
  EXPECT_EQ(values.first_chunk.buckets[5], 1U) << "up to 0.32 s";
  EXPECT_EQ(values.chunk_gap.buckets[3], 1U) << "up to 0.08 s";
  EXPECT_EQ(values.duration.sum, 1'000'000U);
}

TEST(CallTotals, ACallWithoutUsageIsAmongTheDistributionsWithZero) {
  CallTotals totals;
  totals.begin_with(ledger::Totals{});
  auto record = call(1, "a");
  record.usage.reset();
  (void)totals.on_commit(record);
  const auto values = totals.times().by_series.begin()->second;
  EXPECT_EQ(values.input_tokens.buckets.front(), 1U);
  EXPECT_EQ(values.usage_unknown, 1U);
}

}  // namespace
}  // namespace agp::metrics
