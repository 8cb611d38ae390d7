#include "daemon/ledger/questions.h"
#include "tests/daemon/ledger/ledger_file.h"
#include "tests/daemon/ledger/naive.h"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

using test::Chance;
using test::LedgerFile;
using test::naive_answer;

std::vector<std::string> walk(LedgerFile& file,
                              PageQuery query,
                              const std::function<void(const usage::Record&)>& after_page = {}) {
  std::vector<std::string> ids;
  while (true) {
    const auto page = ask_records(file.database, query);
    EXPECT_TRUE(page) << page.error().text();
    if (!page) {
      return ids;
    }
    EXPECT_LE(page->records.size(), query.limit);
    for (const auto& record : page->records) {
      ids.push_back(record.id);
    }
    if (!page->next) {
      return ids;
    }
    if (after_page) {
      after_page(page->records.back());
    }
    query.cursor = page->next;
  }
}

std::vector<std::string> ids_of(const std::vector<usage::Record>& records) {
  std::vector<std::string> out;
  for (const auto& record : records) {
    out.push_back(record.id);
  }
  return out;
}

std::vector<usage::Record> newest_first(std::vector<usage::Record> records) {
  std::stable_sort(records.begin(), records.end(), [](const auto& left, const auto& right) {
    return left.started_at < right.started_at;
  });
  std::reverse(records.begin(), records.end());
  return records;
}

class LedgerPages : public ::testing::Test {
 protected:
  LedgerPages() : records_(chance_.records(120)) {
    for (std::size_t i = 0; i < records_.size(); i += 3) {
      records_[i].started_at = records_[0].started_at;  // ties
    }
    file_.keep(records_);
  }
  Chance chance_{11};
  std::vector<usage::Record> records_;
  LedgerFile file_;
};

TEST_F(LedgerPages, AnyPageSizeGivesEachRecordOnceInOrder) {
  const auto newest = ids_of(newest_first(records_));
  const auto committed = ids_of(records_);
  for (const std::size_t limit : {1U, 7U, 119U, 120U, 1000U}) {
    PageQuery query;
    query.limit = limit;
    EXPECT_EQ(walk(file_, query), newest) << limit;
    query.order = Order::by_commit;
    EXPECT_EQ(walk(file_, query), committed) << limit;
  }
}

TEST_F(LedgerPages, FiltersSelectLikeTheQuestionsOfUsage) {
  for (int i = 0; i < 40; ++i) {
    PageQuery query;
    query.filter = chance_.question().filter;
    query.limit = 10;
    const auto ids = walk(file_, query);
    Query all;
    all.filter = query.filter;
    EXPECT_EQ(ids.size(), naive_answer(records_, all).totals.calls);
    query.order = Order::by_commit;
    auto by_commit = walk(file_, query);
    auto sorted = ids;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(by_commit, sorted);  // ids were given in the order of commits
  }
}

TEST_F(LedgerPages, ACursorWhoseRecordWasDeletedStillWorks) {
  for (const auto order : {Order::newest_first, Order::by_commit}) {
    LedgerFile file;
    file.keep(records_);
    PageQuery query;
    query.order = order;
    query.limit = 9;
    const auto ids = walk(file, query, [&](const usage::Record& last) {
      file.run(("DELETE FROM record WHERE id = '" + last.id + "'").c_str());
    });
    EXPECT_EQ(ids, order == Order::by_commit ? ids_of(records_) : ids_of(newest_first(records_)));
  }
}

TEST_F(LedgerPages, ByCommitWhatComesLaterComesAfterTheCursor) {
  PageQuery query;
  query.order = Order::by_commit;
  query.limit = 120;
  query.cursor = "120";
  EXPECT_TRUE(ask_records(file_.database, query)->records.empty());
  auto late = chance_.record();
  late.started_at = test::at(0);
  file_.keep(late);
  const auto page = ask_records(file_.database, query);
  ASSERT_EQ(page->records.size(), 1U);
  EXPECT_EQ(page->records[0].id, late.id);
  EXPECT_EQ(page->records[0].sequence, 121U);
}

TEST_F(LedgerPages, RefusesACursorThatIsNotOfThatOrder) {
  PageQuery query;
  for (const char* cursor : {"", "12", "1.", ".1", "1.2x", "01KABC", "99999999999999999999.1"}) {
    query.cursor = cursor;
    const auto page = ask_records(file_.database, query);
    ASSERT_FALSE(page) << cursor;
    EXPECT_EQ(page.error().code, Errc::invalid_query);
  }
  query.order = Order::by_commit;
  for (const char* cursor : {"", "1.2", "x"}) {
    query.cursor = cursor;
    EXPECT_FALSE(ask_records(file_.database, query)) << cursor;
  }
}

}  // namespace
}  // namespace agp::ledger
