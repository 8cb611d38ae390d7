#include "daemon/ledger/migration.h"

#include "daemon/ledger/file.h"
#include "daemon/ledger/ledger.h"
#include "daemon/ledger/questions.h"
#include "daemon/ledger/row.h"
#include "daemon/ledger/schema.h"
#include "daemon/ledger/writer.h"
#include "tests/daemon/ledger/fault_vfs.h"
#include "tests/daemon/ledger/support.h"
#include "tests/daemon/ledger/version_1.h"
#include "tests/daemon/ledger/version_3.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::ledger {
namespace {

std::string octets_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::int64_t ask(const std::string& file, const char* sql) {
  auto database = sqlite::Database::open(file, SQLITE_OPEN_READWRITE);
  EXPECT_TRUE(database);
  auto number = database->integer(sql);
  EXPECT_TRUE(number) << number.error().text();
  return number ? *number : -1;
}

TEST(LedgerMigration, CopiesTheRecordsOfVersion1InTheOrderOfTheirIds) {
  const test::TempDir dir;
  test::make_version_1(dir.file(), 50);
  auto database = open_for_writing(dir.file(), std::nullopt);
  ASSERT_TRUE(database) << database.error().text();
  EXPECT_EQ(*database->integer("PRAGMA user_version"), current_version());
  EXPECT_EQ(*database->integer("SELECT count(*) FROM record WHERE id = printf('%05d', sequence)"),
            50);
  auto select = database->prepare("SELECT " + record_columns() + " FROM record WHERE id = '00007'");
  ASSERT_TRUE(select);
  ASSERT_TRUE(*select->step());
  const auto record = read_record(*select);
  EXPECT_EQ(record.sequence, 7U);
  EXPECT_EQ(record.cascade_id, "c-7");
  EXPECT_EQ(record.protocol, "h2");
  ASSERT_TRUE(record.usage);
  EXPECT_EQ(record.usage->total, 13U);
  EXPECT_FALSE(record.usage->reasoning);
  EXPECT_EQ(record.usage->input_by_modality, (usage::ModalityCounts{{"text", 10}}));
  EXPECT_EQ(record.tool_calls, std::vector<std::string>{"grep"});
  EXPECT_EQ(record.flags, std::set<std::string>{"bad_json"});
  EXPECT_FALSE(record.cost);
  EXPECT_FALSE(record.cascade_confirmed);
}

TEST(LedgerMigration, KeepsACopyOfTheOldLedgerForItsOwnerAlone) {
  const test::TempDir dir;
  test::make_version_1(dir.file(), 50);
  ASSERT_TRUE(open_for_writing(dir.file(), std::nullopt));
  const auto backup = dir.file() + ".backup-v1";
  struct stat st {};
  ASSERT_EQ(::stat(backup.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0600U);
  EXPECT_EQ(ask(backup, "PRAGMA user_version"), 1);
  EXPECT_EQ(ask(backup, "SELECT sum(total) FROM record"), 50 * 13);
  EXPECT_FALSE(std::filesystem::exists(backup + ".new"));
  const auto before = octets_of(backup);
  ASSERT_TRUE(open_for_writing(dir.file(), std::nullopt));
  EXPECT_EQ(octets_of(backup), before) << "made once";
  // The copy is a ledger that this program opens.
  EXPECT_TRUE(open_for_writing(backup, std::nullopt));
}

TEST(LedgerMigration, ANewLedgerNeedsNoCopy) {
  const test::TempDir dir;
  ASSERT_TRUE(open_for_writing(dir.file(), std::nullopt));
  EXPECT_FALSE(std::filesystem::exists(dir.file() + ".backup-v0"));
  EXPECT_FALSE(std::filesystem::exists(dir.file() + ".backup-v1"));
}

TEST(LedgerMigration, WithoutRoomForItNothingIsChanged) {
  EXPECT_TRUE(check_room(100 << 20, 500 << 20));
  const auto refused = check_room(100 << 20, 300 << 20);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::full);
  EXPECT_NE(refused.error().text().find("300 MiB are free"), std::string::npos);
}

TEST(LedgerMigration, AFailingDiskLeavesTheOldVersionWhole) {
  const test::TempDir dir;
  test::install_fault_vfs();
  test::make_version_1(dir.file(), 50);
  test::set_faults({.write_result = SQLITE_FULL});
  auto opened = open_for_writing(dir.file(), std::nullopt);
  test::set_faults({});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::full);
  EXPECT_EQ(ask(dir.file(), "PRAGMA user_version"), 1);
  EXPECT_EQ(ask(dir.file(), "SELECT count(*) FROM record"), 50);
  EXPECT_FALSE(std::filesystem::exists(dir.file() + ".backup-v1.new"));
  EXPECT_TRUE(open_for_writing(dir.file(), std::nullopt));
}

TEST(LedgerMigration, ANewerLedgerStaysOctetForOctetAsItWas) {
  const test::TempDir dir;
  test::make_version_1(dir.file(), 50);
  (void)ask(dir.file(), "PRAGMA user_version = 99");
  {
    // Some of it still in the log, as after a crash.
    auto newer = sqlite::Database::open(dir.file(), SQLITE_OPEN_READWRITE);
    newer->checkpoint_on_close(false);
    ASSERT_TRUE(newer->exec("DELETE FROM record WHERE id > '00010'"));
  }
  const auto file = octets_of(dir.file());
  const auto log = octets_of(dir.file() + "-wal");
  ASSERT_FALSE(log.empty());
  auto opened = open_for_writing(dir.file(), std::nullopt);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::newer_schema);
  EXPECT_EQ(octets_of(dir.file()), file);
  EXPECT_EQ(octets_of(dir.file() + "-wal"), log);
  EXPECT_FALSE(std::filesystem::exists(dir.file() + ".backup-v99"));
}

TEST(LedgerMigration, ANewerLedgerNamesTheProgramThatWroteIt) {
  const test::TempDir dir;
  {
    auto newer = open_for_writing(dir.file(), std::nullopt);
    ASSERT_TRUE(newer);
    EXPECT_EQ(*newer->integer("SELECT count(*) FROM written_by WHERE version = '" AGP_VERSION "'"),
              1);
    ASSERT_TRUE(newer->exec("UPDATE written_by SET version = '9.8.7'; PRAGMA user_version = 99"));
  }
  const auto refused = open_for_writing(dir.file(), std::nullopt);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("schema version 99, written by antigravity-proxy 9.8.7;"),
            std::string::npos)
      << refused.error().text();
  ASSERT_EQ(ask(dir.file(), "DELETE FROM written_by RETURNING 1"), 1);
  const auto nameless = open_for_writing(dir.file(), std::nullopt);
  ASSERT_FALSE(nameless);
  EXPECT_NE(nameless.error().text().find("schema version 99; this is"), std::string::npos)
      << nameless.error().text();
}

TEST(LedgerMigration, TheLatestCopyThatThisProgramUnderstandsIsTheOneToGoBackTo) {
  const test::TempDir dir;
  EXPECT_EQ(usable_backup(dir.file()), std::nullopt);
  const auto copy = [&](std::int64_t version) {
    return dir.file() + ".backup-v" + std::to_string(version);
  };
  for (const auto version : {std::int64_t{1}, std::int64_t{3}, current_version() + 1}) {
    std::ofstream(copy(version)) << "a copy";
  }
  EXPECT_EQ(usable_backup(dir.file()), copy(3));
  std::ofstream(copy(current_version())) << "a copy";
  EXPECT_EQ(usable_backup(dir.file()), copy(current_version()));
}

// What a person who owns that uid sees; empty: root.
std::uint64_t total_for(sqlite::Database& database, std::optional<std::uint32_t> owner) {
  Query query;
  if (owner) {
    query.filter.owners = {*owner};
  }
  const auto sums = ask_usage(database, query);
  EXPECT_TRUE(sums) << sums.error().text();
  // The same out of single records: the range cuts the quarter-hour.
  query.filter.since = usage::Micros(std::chrono::seconds(1'795'320'001));
  query.filter.until = usage::Micros(std::chrono::seconds(1'795'320'100));
  const auto records = ask_usage(database, query);
  EXPECT_TRUE(records) << records.error().text();
  EXPECT_EQ(sums->totals, records->totals);
  return sums->totals.total;
}

TEST(LedgerMigration, OldCallsBelongToTheirUserUnlessTheLanguageServerMadeThem) {
  const test::TempDir dir;
  test::make_version_3(dir.file(), {{1000, "", 1},
                                    {1001, "", 20},
                                    {990, "ls-1", 300},    // of whose session, nobody wrote down
                                    {990, "", 4000},       // as that account, not by one of ours
                                    {980, "ls-0", 50000},  // the account's number in an older life
                                    {std::nullopt, "", 600000}});
  auto database = open_for_writing(dir.file(), std::nullopt, 990);
  ASSERT_TRUE(database) << database.error().text();
  EXPECT_EQ(*database->integer("PRAGMA user_version"), current_version());
  EXPECT_EQ(total_for(*database, 1000), 1U);
  EXPECT_EQ(total_for(*database, 1001), 20U);
  EXPECT_EQ(total_for(*database, 990), 0U);
  EXPECT_EQ(total_for(*database, 980), 0U);
  EXPECT_EQ(total_for(*database, std::nullopt), 654'321U);
  EXPECT_EQ(*database->integer("SELECT count(*) FROM sqlite_temp_schema"), 0);
  EXPECT_EQ(ask(dir.file() + ".backup-v3", "SELECT sum(total) FROM record"), 654'321);
}

TEST(LedgerMigration, WithoutAnAccountOfLanguageServersEverybodyOwnsTheirCalls) {
  const test::TempDir dir;
  test::make_version_3(dir.file(), {{1000, "", 1}, {990, "", 20}});
  auto database = open_for_writing(dir.file(), std::nullopt);
  ASSERT_TRUE(database) << database.error().text();
  EXPECT_EQ(total_for(*database, 1000), 1U);
  EXPECT_EQ(total_for(*database, 990), 20U);
}

TEST(LedgerMigration, AnOldCallThatIsTiedAfterwardsLeavesNoSumsBehind) {
  const test::TempDir dir;
  test::make_version_3(dir.file(), {{1000, "", 1}, {990, "ls-1", 20}});
  {
    Writer writer({dir.file(), {}, 990});
    std::vector<Entry> batch{Confirmation{"r-1", "c", {}, {}}, Confirmation{"r-2", "d", {}, {}}};
    auto done = writer.write(batch);
    ASSERT_TRUE(done) << done.error().text();
  }
  auto database = open_for_reading(dir.file());
  ASSERT_TRUE(database);
  EXPECT_EQ(*database->integer("SELECT count(*) FROM record WHERE cascade_id IS NOT NULL"), 2);
  EXPECT_EQ(*database->integer("SELECT count(*) FROM quarter_sum WHERE calls <> 1"), 0);
  EXPECT_EQ(total_for(*database, 1000), 1U);
  EXPECT_EQ(total_for(*database, 990), 0U);
  EXPECT_EQ(total_for(*database, std::nullopt), 21U);
}

// From version 3 on. Steps are never edited, so it is what that version left on disk.
void bring_to(const std::string& file, int version) {
  auto old = sqlite::Database::open(file, SQLITE_OPEN_READWRITE);
  ASSERT_TRUE(old);
  for (std::size_t done = 3; done < static_cast<std::size_t>(version); ++done) {
    std::string step = schema_steps()[done];
    if (const auto at = step.find(kLsUid); at != std::string::npos) {
      step.replace(at, std::string_view(kLsUid).size(), "990");
    }
    ASSERT_TRUE(old->exec(step.c_str()));
  }
  ASSERT_TRUE(old->exec(("PRAGMA user_version = " + std::to_string(version)).c_str()));
}

TEST(LedgerMigration, ALedgerWithoutSamplesOfQuotasGetsRoomForThem) {
  const test::TempDir dir;
  test::make_version_3(dir.file(), {{1000, "", 1}});
  bring_to(dir.file(), 4);
  {
    Writer writer({dir.file(), {}, 990});
    std::vector<Entry> batch{quota::Sample{{1000, quota::Kind::model, "m", "m", ""},
                                           {test::at(test::kMorning), 0.5, std::nullopt}}};
    const auto done = writer.write(batch);
    ASSERT_TRUE(done) << done.error().text();
  }
  EXPECT_EQ(ask(dir.file(), "PRAGMA user_version"), current_version());
  EXPECT_EQ(ask(dir.file(), "SELECT count(*) FROM quota_sample"), 1);
  EXPECT_EQ(ask(dir.file(), "SELECT count(*) FROM record WHERE owner_uid = 1000"), 1);
  EXPECT_EQ(ask(dir.file() + ".backup-v4", "PRAGMA user_version"), 4);
}

// A counter must not go back: docs/adr/0031-modality.md.
TEST(LedgerMigration, OldTokensStayOfUnknownModalityAndOfNoRequestModel) {
  for (const int version : {3, 4, 5, 6, 7}) {
    const test::TempDir dir;
    test::make_version_3(dir.file(), {{1000, "", 5}});
    bring_to(dir.file(), version);
    {
      auto old = sqlite::Database::open(dir.file(), SQLITE_OPEN_READWRITE);
      ASSERT_TRUE(old->exec("UPDATE record SET input_by_modality = '{\"text\":5}'"));
    }
    {
      Writer writer({dir.file(), {}, 990});
      auto record = test::call("2", "flash", 30, 0);
      record.host = "host";
      record.request_kind = usage::RequestKind::agent;
      record.request_model = "flash-latest";
      record.usage->input_by_modality = {{"audio", 20}};
      std::vector<Entry> batch{record, Confirmation{"r-1", "c", {}, {}}};
      const auto done = writer.write(batch);
      ASSERT_TRUE(done) << done.error().text();
    }
    auto database = open_for_reading(dir.file());
    ASSERT_TRUE(database);
    const auto totals = ask_totals(*database);
    ASSERT_TRUE(totals) << totals.error().text();
    ASSERT_EQ(totals->groups.size(), 2U);
    EXPECT_EQ(totals->groups[0].key.back(), std::nullopt);
    EXPECT_EQ(totals->groups[0].sums.input_total, 5U);
    EXPECT_EQ(totals->groups[0].by_modality, ByModality{});
    EXPECT_EQ(totals->groups[1].key.back(), "flash-latest");
    EXPECT_EQ(totals->groups[1].sums.input_total, 30U);
    EXPECT_EQ(totals->groups[1].by_modality, (ByModality{{"audio", {20, 0, 0}}}));
    EXPECT_EQ(*database->integer("SELECT count(*) FROM record WHERE cascade_id = 'c'"), 1);
    const auto backup = dir.file() + ".backup-v" + std::to_string(version);
    EXPECT_EQ(ask(backup, "PRAGMA user_version"), version);
  }
}

// True when the child got to the end before the n-th change of a file.
bool migrate_until_killed(const std::string& file, std::uint64_t n) {
  const pid_t child = ::fork();
  if (child == 0) {
    test::set_faults({.kill_at = n});
    const bool done = open_for_writing(file, std::nullopt).has_value();
    ::_exit(done ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    return false;
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return true;
}

TEST(LedgerMigration, AKillAtAnyPointLeavesOneWholeVersion) {
  test::install_fault_vfs();
  const test::TempDir dir;
  test::make_version_1(dir.file("template.db"), 30);
  // Each of the first ones, then every fifth; each one when AGP_LEDGER_KILLS is set.
  const std::uint64_t stride = std::getenv("AGP_LEDGER_KILLS") == nullptr ? 5 : 1;
  std::uint64_t n = 1;
  for (bool done = false; !done; n += n < 20 ? 1 : stride) {
    ASSERT_LT(n, 2000U);
    const auto file = dir.file(std::to_string(n) + ".db");
    std::filesystem::copy_file(dir.file("template.db"), file);
    done = migrate_until_killed(file, n);
    const auto version = ask(file, "PRAGMA user_version");
    EXPECT_TRUE(version >= 1 && version <= current_version()) << n;
    EXPECT_EQ(ask(file, "SELECT count(*) = 30 AND sum(total) = 30 * 13 FROM record"), 1) << n;
    auto again = open_for_writing(file, std::nullopt);
    ASSERT_TRUE(again) << n << " " << again.error().text();
    EXPECT_EQ(*again->integer("SELECT count(*) = 30 AND sum(total) = 30 * 13 FROM record"), 1) << n;
    EXPECT_EQ(ask(file + ".backup-v1", "SELECT count(*) FROM record"), 30) << n;
  }
  EXPECT_GT(n, 10U) << "there was nothing to interrupt";
}

}  // namespace
}  // namespace agp::ledger
