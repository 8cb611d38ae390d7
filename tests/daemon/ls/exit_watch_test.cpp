#include "daemon/ls/exit_watch.h"

#include "common/base/unique_fd.h"
#include "daemon/ls/process_scan.h"

#include <cstdint>

#include <boost/asio/io_context.hpp>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace agp::ls {
namespace {

/// A process that ends when it is told to, or with this one.
class Process {
 public:
  Process() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid = ::fork();
    if (pid == 0) {
      ::close(ends[1]);
      char c = 0;
      (void)!::read(ends[0], &c, 1);  // the end of the file is the word to go
      ::_exit(0);
    }
    ::close(ends[0]);
    life_.reset(ends[1]);
    start_time = start_time_of("/proc", pid).value_or(0);
  }
  ~Process() {
    end();
    reap();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void end() { life_.reset(); }
  void reap() {
    if (pid > 0) {
      ::waitpid(pid, nullptr, 0);
      pid = 0;
    }
  }

  pid_t pid = -1;
  std::uint64_t start_time = 0;

 private:
  UniqueFd life_;
};

class ExitWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!watch.watch(::getpid(), start_time_of("/proc", ::getpid()).value_or(0))) {
      GTEST_SKIP() << "this kernel has no pidfd";
    }
    watch.clear();
    io.poll();
    io.restart();
  }

  /// Everything that is to be done without waiting for anybody.
  int exits_by_now() {
    io.restart();
    io.poll();
    return exits;
  }

  boost::asio::io_context io;
  int exits = 0;
  ExitWatch watch{io.get_executor(), [this] {
                    ++exits;
                  }};
};

TEST_F(ExitWatchTest, TellsTheEndOnceEvenBeforeAnybodyReapsIt) {
  Process process;
  ASSERT_TRUE(watch.watch(process.pid, process.start_time));
  EXPECT_EQ(exits_by_now(), 0);
  process.end();
  io.restart();
  io.run();  // ends by the exit, there is nothing else to wait for
  EXPECT_EQ(exits, 1);
  EXPECT_TRUE(watch.watch(process.pid, process.start_time)) << "the same one again";
  EXPECT_EQ(exits_by_now(), 1);
}

TEST_F(ExitWatchTest, TellsOfOneThatHasEndedAlready) {
  Process process;
  const pid_t pid = process.pid;
  process.end();
  process.reap();
  ASSERT_TRUE(watch.watch(pid, process.start_time));
  EXPECT_EQ(exits_by_now(), 1);
}

TEST_F(ExitWatchTest, TakesAnotherProcessUnderThePidForTheEndOfTheFirst) {
  Process process;
  ASSERT_TRUE(watch.watch(process.pid, process.start_time + 1));
  EXPECT_EQ(exits_by_now(), 1);
}

TEST_F(ExitWatchTest, ForgetsAProcessForAnother) {
  Process first;
  Process second;
  ASSERT_TRUE(watch.watch(first.pid, first.start_time));
  ASSERT_TRUE(watch.watch(second.pid, second.start_time));
  first.end();
  first.reap();
  EXPECT_EQ(exits_by_now(), 0);
  second.end();
  io.restart();
  io.run();
  EXPECT_EQ(exits, 1);
}

TEST_F(ExitWatchTest, SaysNothingAfterItWasClearedThoughTheEndWasQueued) {
  Process process;
  const pid_t pid = process.pid;
  process.end();
  process.reap();
  ASSERT_TRUE(watch.watch(pid, process.start_time));
  watch.clear();
  EXPECT_EQ(exits_by_now(), 0);
}

TEST(ExitWatchAlone, MayGoBeforeItsExecutorRuns) {
  boost::asio::io_context io;
  Process process;
  bool is_told = false;
  {
    ExitWatch watch(io.get_executor(), [&is_told] { is_told = true; });
    (void)watch.watch(process.pid, process.start_time);
    process.end();
    process.reap();
  }
  io.poll();
  EXPECT_FALSE(is_told);
}

}  // namespace
}  // namespace agp::ls
