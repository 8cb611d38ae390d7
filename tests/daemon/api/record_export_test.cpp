#include "daemon/api/record_export.h"

#include "daemon/api/record_csv.h"
#include "daemon/api/record_json.h"
#include "tests/daemon/api/memory_ledger.h"
#include "tests/daemon/api/some_records.h"

#include <random>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

namespace agp::api {
namespace {

constexpr usage::Micros kNow{std::chrono::seconds(1'795'320'000)};

void fill(test::MemoryLedger& ledger, int count) {
  std::mt19937 random(1);
  for (int i = 0; i < count; ++i) {
    auto record = test::random_record(random);
    record.id.clear();
    ledger.append(std::move(record));
  }
}

ExportQuestion question(ExportFormat format) {
  ExportQuestion out;
  out.format = format;
  return out;
}

std::string all_of(RecordExport& records, ledger::Ledger& ledger) {
  std::string out;
  while (true) {
    const auto piece = records.next(ledger);
    EXPECT_TRUE(piece);
    if (!piece || !*piece) {
      return out;
    }
    out += **piece;
  }
}

TEST(RecordExport, NdjsonIsOneRecordPerLineInOrderOfCommits) {
  for (const int count : {0, 1, 2, 3, 4, 7}) {
    test::MemoryLedger ledger;
    fill(ledger, count);
    RecordExport records(question(ExportFormat::ndjson), kNow, 3);
    auto text = all_of(records, ledger);
    std::uint64_t expected = 0;
    while (!text.empty()) {
      const auto end = text.find('\n');
      ASSERT_NE(end, std::string::npos);
      const auto value = boost::json::parse(text.substr(0, end));
      EXPECT_EQ(value.at("sequence").to_number<std::uint64_t>(), ++expected);
      text.erase(0, end + 1);
    }
    EXPECT_EQ(expected, static_cast<std::uint64_t>(count));
    EXPECT_EQ(records.records(), expected);
  }
}

TEST(RecordExport, JsonIsOneDocumentWhateverTheNumberOfRecords) {
  for (const std::size_t count : {0U, 1U, 3U, 10U}) {
    test::MemoryLedger ledger;
    fill(ledger, static_cast<int>(count));
    RecordExport records(question(ExportFormat::json), kNow, 3);
    const auto document = boost::json::parse(all_of(records, ledger));
    EXPECT_EQ(document.at("schema").as_string(), "antigravity-proxy.records.v1");
    EXPECT_EQ(document.at("records").as_array().size(), count);
    EXPECT_TRUE(document.at("next_cursor").is_null());
  }
}

TEST(RecordExport, CsvHasItsHeaderOnce) {
  test::MemoryLedger ledger;
  fill(ledger, 5);
  RecordExport records(question(ExportFormat::csv), kNow, 2);
  const auto text = all_of(records, ledger);
  EXPECT_TRUE(text.starts_with(csv_header()));
  EXPECT_EQ(text.find(csv_header(), 1), std::string::npos);
  test::MemoryLedger empty;
  RecordExport none(question(ExportFormat::csv), kNow);
  EXPECT_EQ(all_of(none, empty), csv_header());
}

TEST(RecordExport, ReadsOnePageForEachPieceAndNotAhead) {
  test::MemoryLedger ledger;
  fill(ledger, 100);
  ledger.fail_from(1000);
  RecordExport records(question(ExportFormat::ndjson), kNow, 10);
  EXPECT_EQ(ledger.questions(), 0U);
  for (std::size_t i = 1; i <= 10; ++i) {
    ASSERT_TRUE(records.next(ledger));
    EXPECT_EQ(ledger.questions(), i);
  }
  EXPECT_EQ(ledger.largest_page(), 10U);
  EXPECT_EQ(*records.next(ledger), std::nullopt);
  EXPECT_EQ(records.records(), 100U);
}

TEST(RecordExport, HoldsOnlyWhatItsReaderMaySee) {
  test::MemoryLedger ledger;
  for (const std::uint32_t uid : {1000U, 1001U, 1000U}) {
    auto record = test::full_record();
    record.owner_uid = uid;
    ledger.append(record);
  }
  auto asked = question(ExportFormat::ndjson);
  asked.filter.owners = std::vector<std::uint32_t>{1001};
  RecordExport records(asked, kNow);
  (void)all_of(records, ledger);
  EXPECT_EQ(records.records(), 1U);
}

TEST(RecordExport, AFailureIsNeverTheEnd) {
  test::MemoryLedger ledger;
  fill(ledger, 10);
  ledger.fail_from(2);
  RecordExport records(question(ExportFormat::json), kNow, 3);
  const auto first = records.next(ledger);
  ASSERT_TRUE(first && *first);
  const auto second = records.next(ledger);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ledger::Errc::damaged);
}

}  // namespace
}  // namespace agp::api
