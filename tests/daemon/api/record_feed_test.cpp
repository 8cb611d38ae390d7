#include "daemon/api/record_feed.h"

#include "tests/daemon/api/memory_ledger.h"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::api {
namespace {

// The ids of the events, as a reader of server-sent events sees them.
std::vector<std::uint64_t> ids_in(std::string_view events) {
  std::vector<std::uint64_t> out;
  while (!events.empty()) {
    const auto end = events.find("\n\n");
    EXPECT_NE(end, std::string_view::npos) << "an event does not end";
    const auto event = events.substr(0, end);
    EXPECT_TRUE(event.starts_with("id: ")) << event;
    EXPECT_NE(event.find("\nevent: record\ndata: {"), std::string_view::npos) << event;
    out.push_back(std::stoull(std::string(event.substr(4))));
    events.remove_prefix(end + 2);
  }
  return out;
}

usage::Record of_uid(std::uint32_t uid) {
  usage::Record record;
  record.local_uid = 990;  // the language server's, whoever it works for
  record.owner_uid = uid;
  return record;
}

ledger::Filter own() {
  ledger::Filter filter;
  filter.owners = std::vector<std::uint32_t>{1000};
  return filter;
}

TEST(RecordFeed, BackfillsPageByPageAndThenGoesLive) {
  test::MemoryLedger ledger;
  for (int i = 0; i < 5; ++i) {
    ledger.append(of_uid(1000));
  }
  RecordFeed feed(own(), 1, 2);
  EXPECT_TRUE(feed.wants_more(0));
  EXPECT_EQ(ids_in(*feed.next(ledger, 5)), (std::vector<std::uint64_t>{2, 3}));
  EXPECT_TRUE(feed.wants_more(5));
  EXPECT_EQ(ids_in(*feed.next(ledger, 5)), (std::vector<std::uint64_t>{4, 5}));
  EXPECT_FALSE(feed.wants_more(5));
  ledger.append(of_uid(1000));
  EXPECT_TRUE(feed.wants_more(6));
  EXPECT_EQ(ids_in(*feed.next(ledger, 6)), (std::vector<std::uint64_t>{6}));
}

TEST(RecordFeed, RecordsOfOthersAreLookedAtOnce) {
  test::MemoryLedger ledger;
  for (int i = 0; i < 50; ++i) {
    ledger.append(of_uid(1));
  }
  RecordFeed feed(own(), 0);
  EXPECT_EQ(*feed.next(ledger, 50), "");
  EXPECT_EQ(feed.after(), 50U);
  EXPECT_FALSE(feed.wants_more(50));
}

TEST(RecordFeed, AFailureLosesNothing) {
  test::MemoryLedger ledger;
  ledger.append(of_uid(1000));
  RecordFeed feed(own(), 0);
  ledger.fail_from(1);
  EXPECT_FALSE(feed.next(ledger, 1));
  EXPECT_TRUE(feed.wants_more(1));
  ledger.fail_from(0);
  EXPECT_EQ(ids_in(*feed.next(ledger, 1)), (std::vector<std::uint64_t>{1}));
}

// Whatever the order of commits, notices (which may be late and stand for many), reads and lost
// connections: every record that matches comes once and in order.
TEST(RecordFeed, NothingIsLostAndNothingComesTwiceInAnyInterleaving) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    test::MemoryLedger ledger;
    std::uint64_t committed = 0;
    std::uint64_t noticed = 0;
    std::vector<std::uint64_t> expected;
    std::vector<std::uint64_t> seen;
    const auto page = 1 + random() % 4;
    RecordFeed feed(own(), 0, page);
    const auto read = [&] {
      if (!feed.wants_more(noticed)) {
        return;
      }
      // A commit between the notice and the question is in the answer all the same.
      const auto head = noticed;
      if (random() % 3 == 0) {
        const bool is_own = random() % 2 == 0;
        ledger.append(of_uid(is_own ? 1000 : 1));
        ++committed;
        if (is_own) {
          expected.push_back(committed);
        }
      }
      const auto events = feed.next(ledger, head);
      ASSERT_TRUE(events);
      for (const auto id : ids_in(*events)) {
        seen.push_back(id);
      }
    };
    for (int step = 0; step < 200; ++step) {
      switch (random() % 4) {
        case 0: {
          const bool is_own = random() % 3 != 0;
          ledger.append(of_uid(is_own ? 1000 : 1));
          ++committed;
          if (is_own) {
            expected.push_back(committed);
          }
          break;
        }
        case 1:
          noticed += random() % (committed - noticed + 1);
          break;
        case 2:
          read();
          break;
        case 3:  // the reader comes back with the last id that it has seen
          if (random() % 8 == 0) {
            feed = RecordFeed(own(), seen.empty() ? 0 : seen.back(), page);
          }
          break;
      }
    }
    noticed = committed;
    while (feed.wants_more(noticed)) {
      read();
      noticed = committed;
    }
    ASSERT_EQ(seen, expected) << "seed " << seed;
  }
}

TEST(RecordFeed, TheNewestPlaceOutlivesItsRecord) {
  test::MemoryLedger ledger;
  EXPECT_EQ(*newest_sequence(ledger), 0U);
  ledger.append(of_uid(1));
  ledger.append(of_uid(1));
  ledger.forget_all();
  EXPECT_EQ(*newest_sequence(ledger), 2U);
}

TEST(RecordFeed, BeginsAgainWithAnotherLedger) {
  test::MemoryLedger ledger;
  ledger.append(of_uid(1000));
  RecordFeed feed(own(), 20);
  EXPECT_EQ(*feed.next(ledger, 1), "");
  feed.restart();
  EXPECT_TRUE(feed.wants_more(0));
  EXPECT_EQ(ids_in(*feed.next(ledger, 1)), (std::vector<std::uint64_t>{1}));
}

TEST(RecordFeed, AResetSaysFromWhereToWhereAndSetsTheIdToComeBackWith) {
  EXPECT_EQ(reset_event(20, 3), "id: 0\nevent: reset\ndata: {\"after\":20,\"newest\":3}\n\n");
}

TEST(RecordFeed, TheEndSaysWhyAndWhereToGoOn) {
  EXPECT_EQ(end_event(EndReason::slow_reader, 7),
            "event: end\ndata: {\"reason\":\"slow_reader\",\"resume_after\":7}\n\n");
  EXPECT_NE(end_event(EndReason::stopping, 7).find("\"stopping\""), std::string::npos);
  EXPECT_NE(end_event(EndReason::ledger, 7).find("\"ledger_unavailable\""), std::string::npos);
}

}  // namespace
}  // namespace agp::api
