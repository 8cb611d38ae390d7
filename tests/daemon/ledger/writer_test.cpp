#include "daemon/ledger/writer.h"

#include "daemon/usage/flags.h"
#include "tests/daemon/ledger/rig.h"

#include <gtest/gtest.h>

namespace agp::ledger {
namespace {

using test::call;

class LedgerWriter : public ::testing::Test {
 protected:
  static Entry answered(const std::string& id, const std::string& response_id) {
    auto record = call(id, "flash", 1, 1);
    record.response_id = response_id;
    return record;
  }
  void write(std::vector<Entry> batch) {
    auto done = writer_.write(batch);
    ASSERT_TRUE(done) << done.error().text();
  }
  std::string cascade_of(const std::string& id) { return column_of("cascade_id", id); }
  std::string column_of(const std::string& column, const std::string& id) {
    auto database = sqlite::Database::open(dir_.file(), SQLITE_OPEN_READONLY);
    auto statement = database->prepare("SELECT " + column + " FROM record WHERE id = ?");
    statement->bind(1, std::string_view(id));
    const auto row = statement->step();
    return row && *row ? statement->maybe_text(0).value_or("(none)") : "(no record)";
  }

  test::TempDir dir_;
  Writer writer_{{dir_.file(), {}}};
};

TEST_F(LedgerWriter, ConfirmsARecordOfAnEarlierBatch) {
  write({answered("1", "r-1"), answered("2", "r-2")});
  write({Confirmation{"r-2", "c", "t", 4}});
  EXPECT_EQ(cascade_of("1"), "(none)");
  EXPECT_EQ(cascade_of("2"), "c");
  EXPECT_EQ(column_of("cascade_source", "2"), "exact");
  EXPECT_EQ(column_of("cascade_evidence", "2"), "response_id");
  EXPECT_EQ(column_of("cascade_confirmed", "2"), "1");
  EXPECT_EQ(column_of("trajectory_id", "2"), "t");
  EXPECT_EQ(column_of("step_index", "2"), "4");
  EXPECT_EQ(column_of("flags", "2"), "(none)");
}

TEST_F(LedgerWriter, ConfirmsARecordOfTheSameBatchInEitherOrder) {
  write({Confirmation{"r-1", "c-1", {}, {}}, answered("1", "r-1"), answered("2", "r-2"),
         Confirmation{"r-2", "c-2", {}, {}}});
  EXPECT_EQ(cascade_of("1"), "c-1");
  EXPECT_EQ(cascade_of("2"), "c-2");
}

TEST_F(LedgerWriter, KeepsAConfirmationThatCameBeforeItsRecord) {
  write({Confirmation{"r-1", "c-1", {}, {}}});
  write({answered("0", "r-0")});
  write({answered("1", "r-1")});
  EXPECT_EQ(cascade_of("1"), "c-1");
}

TEST_F(LedgerWriter, ConfirmsARecordOfAnEarlierProcess) {
  write({answered("1", "r-1")});
  Writer next({dir_.file(), {}});
  std::vector<Entry> batch{Confirmation{"r-1", "c-1", {}, {}}};
  ASSERT_TRUE(next.write(batch));
  EXPECT_EQ(cascade_of("1"), "c-1");
}

TEST_F(LedgerWriter, ATieThatIsCorrectedLaterLeavesTheOwnerAsItWas) {
  auto theirs = std::get<usage::Record>(answered("1", "r-1"));
  theirs.owner_uid = 1000;
  auto nobodys = std::get<usage::Record>(answered("2", "r-2"));
  nobodys.owner_uid = std::nullopt;
  write({theirs, nobodys});
  write({Confirmation{"r-1", "c", {}, {}}, Confirmation{"r-2", "c", {}, {}}});
  EXPECT_EQ(cascade_of("1"), "c");
  EXPECT_EQ(column_of("owner_uid", "1"), "1000");
  EXPECT_EQ(cascade_of("2"), "c");
  EXPECT_EQ(column_of("owner_uid", "2"), "(none)");
}

// After a kill the spool hands out a record that is kept already, and its confirmation.
TEST_F(LedgerWriter, AReplayedConfirmationFindsTheRecordThatIsKept) {
  write({answered("1", "r-1")});
  Writer next({dir_.file(), {}});
  std::vector<Entry> batch{answered("1", "r-1"), Confirmation{"r-1", "c-1", {}, {}}};
  auto done = next.write(batch);
  ASSERT_TRUE(done);
  EXPECT_TRUE(done->kept.empty());
  EXPECT_EQ(cascade_of("1"), "c-1");
}

TEST_F(LedgerWriter, GivesTheSubscribersTheConfirmedRecord) {
  std::vector<Entry> batch{answered("1", "r-1"), Confirmation{"r-1", "c-1", {}, {}}};
  auto done = writer_.write(batch);
  ASSERT_TRUE(done);
  ASSERT_EQ(done->kept.size(), 1U);
  EXPECT_TRUE(done->kept[0]->cascade_confirmed);
  EXPECT_EQ(done->kept[0]->sequence, 1U);
}

TEST_F(LedgerWriter, GoesOnInANewFileWhenTheOldOneWasMovedAway) {
  write({answered("1", "r-1")});
  std::filesystem::rename(dir_.file(), dir_.file("old.db"));
  write({answered("2", "r-2")});
  EXPECT_EQ(test::ids_in(dir_.file("old.db")).size(), 1U);
  EXPECT_EQ(test::ids_in(dir_.file()).count("2"), 1U);
}

}  // namespace
}  // namespace agp::ledger
