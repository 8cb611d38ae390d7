#include "tests/daemon/ledger/fault_vfs.h"
#include "tests/daemon/ledger/rig.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>
#include <random>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/// A process is killed and started again, over and over, on one ledger: every record whose append()
/// returned is in it exactly once in the end. AGP_LEDGER_KILLS sets how often.
namespace agp::ledger {
namespace {

int rounds(int usual) {
  const char* wanted = std::getenv("AGP_LEDGER_KILLS");
  return wanted == nullptr ? usual : std::atoi(wanted);
}

// What the child tells without a system call, so that no kill is more likely in one place.
struct Told {
  std::atomic<int> attempted{0};  // next number to hand to append()
  std::atomic<int> highest{0};    // no number from here on was ever handed to it
  std::atomic<int> returned{0};   // of numbers below this append() has returned
};

struct Moment {
  int records = 0;
  std::chrono::microseconds more{0};
};

class LedgerKill : public ::testing::Test {
 protected:
  void SetUp() override {
    test::install_fault_vfs();
    void* shared =
        ::mmap(nullptr, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    told_ = new (shared) Told;
  }
  void TearDown() override { (void)::munmap(told_, sizeof(Told)); }

  SqliteLedger::Options options() const {
    auto options = test::options_for(dir_.file());
    options.batch_limit = 7;
    options.commit_delay = std::chrono::milliseconds(1);
    options.spool_bytes = spool_bytes_;
    return options;
  }

  int next_number() {
    const int number = told_->attempted.fetch_add(1);
    told_->highest = std::max(told_->highest.load(), number + 1);
    return number;
  }

  void append(SqliteLedger& ledger, int number) const {
    if (is_of_quotas_) {
      ledger.append_quota(
          {{1000, quota::Kind::model, "flash", "flash", ""},
           {test::at(test::kMorning + number), number % 2 == 0 ? 0.5 : 0.25, std::nullopt}});
    } else {
      ledger.append(test::call(test::id_of(number), "flash", 3, 4));
    }
  }

  // Appends and ends only by a signal.
  [[noreturn]] void run_child(const test::Faults& faults, int most) {
    test::set_faults(faults);
    auto ledger = SqliteLedger::start(options());
    for (int i = 0;; ++i) {
      if (i >= most || ledger->health().waiting > 1000) {
        (void)ledger->flush(test::kPatience);
        if (i >= most) {
          (void)::kill(::getpid(), SIGKILL);
        }
      }
      const int number = next_number();
      append(*ledger, number);
      told_->returned = number + 1;
    }
  }

  // `after`: how many records the parent lets pass, and how long it waits then, before it sends the
  // signal; none: the child sends it itself.
  void run_and_kill(const test::Faults& faults, int most, std::optional<Moment> after) {
    told_->attempted = told_->returned.load();  // what had not returned may be there or not
    const pid_t child = ::fork();
    if (child == 0) {
      run_child(faults, most);
    }
    if (after) {
      const int passed = told_->returned + after->records;
      (void)test::comes_true([&] { return told_->returned >= passed; });
      const auto until = std::chrono::steady_clock::now() + after->more;
      while (std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
      }
      EXPECT_EQ(::kill(child, SIGKILL), 0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  }

  void expect_exactly_once() {
    auto ledger = SqliteLedger::start(options());
    ASSERT_FALSE(ledger->health().problem);
    EXPECT_EQ(ledger->health().lost_ever, 0U);
    ledger.reset();
    const auto ids = test::ids_in(dir_.file());
    const int returned = told_->returned;
    int missing = 0;
    for (int number = 0; number < returned; ++number) {
      missing += ids.count(test::id_of(number)) == 0 ? 1 : 0;
    }
    EXPECT_EQ(missing, 0) << "of " << returned;
    for (const auto& [id, count] : ids) {
      EXPECT_EQ(count, 1) << id;
      EXPECT_LT(id, test::id_of(told_->highest));
    }
  }

  test::TempDir dir_;
  Told* told_ = nullptr;
  std::uint64_t spool_bytes_ = 256 * 1024;
  bool is_of_quotas_ = false;  // what the child appends
};

TEST_F(LedgerKill, AtRandomMomentsEveryRecordIsThereExactlyOnce) {
  std::mt19937 random(7);
  for (int round = 0; round < rounds(60); ++round) {
    // Some of them while the process is still starting and replays what the one before left.
    const bool is_early = random() % 4 == 0;
    const Moment moment{is_early ? 0 : static_cast<int>(random() % 150),
                        std::chrono::microseconds(random() % (is_early ? 30'000 : 3'000))};
    run_and_kill({}, 1'000'000, moment);
  }
  expect_exactly_once();
  EXPECT_GT(told_->returned, rounds(60));
}

TEST_F(LedgerKill, BeforeEachChangeOfAFileEveryRecordIsThereExactlyOnce) {
  for (std::uint64_t n = 1; n <= static_cast<std::uint64_t>(rounds(60)); ++n) {
    run_and_kill({.kill_at = n}, 60, std::nullopt);
  }
  expect_exactly_once();
  EXPECT_GT(told_->returned, 0);
}

TEST_F(LedgerKill, AtRandomMomentsEverySampleOfAQuotaIsThereToo) {
  is_of_quotas_ = true;
  std::mt19937 random(9);
  for (int round = 0; round < rounds(20); ++round) {
    run_and_kill(
        {}, 1'000'000,
        Moment{static_cast<int>(random() % 150), std::chrono::microseconds(random() % 3'000)});
  }
  auto ledger = SqliteLedger::start(options());
  const auto courses = ledger->quota({});
  ASSERT_TRUE(courses && courses->size() == 1) << courses.error().text();
  const auto& points = courses->front().points;
  ASSERT_GE(points.size(), static_cast<std::size_t>(told_->returned.load()));
  EXPECT_GT(told_->returned, rounds(20));
  for (int number = 0; number < told_->returned; ++number) {
    ASSERT_EQ(points[static_cast<std::size_t>(number)].at, test::at(test::kMorning + number))
        << "each once, in order";
  }
}

// The ledger cannot be written at all: what was appended is in the spool of process after process.
TEST_F(LedgerKill, WhileTheDiskIsFullEveryRecordWaitsInTheSpool) {
  std::mt19937 random(8);
  spool_bytes_ = 16 * 1024 * 1024;
  for (int round = 0; round < 10; ++round) {
    auto most = 20 + static_cast<int>(random() % 50);
    told_->attempted = told_->returned.load();
    const pid_t child = ::fork();
    if (child == 0) {
      test::set_faults({.write_result = SQLITE_FULL});
      auto ledger = SqliteLedger::start(options());
      while (most-- > 0) {
        const int number = next_number();
        ledger->append(test::call(test::id_of(number), "flash", 3, 4));
        told_->returned = number + 1;
      }
      (void)::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  expect_exactly_once();
}

}  // namespace
}  // namespace agp::ledger
