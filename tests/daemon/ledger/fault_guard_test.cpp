#include "daemon/ledger/fault_guard.h"

#include "tests/daemon/ledger/support.h"

#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

namespace agp::ledger {
namespace {

TEST(FaultGuard, ReportsAFaultAgainAndAgain) {
  const test::TempDir dir;
  const int fd = ::open(dir.file().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::ftruncate(fd, 4096), 0);
  void* mapping = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ASSERT_NE(mapping, MAP_FAILED);
  const auto touch = [](void* at) {
    *static_cast<volatile char*>(at) = 1;
  };
  install_fault_guard();
  EXPECT_TRUE(run_guarded(mapping, 4096, touch, mapping));
  ASSERT_EQ(::ftruncate(fd, 0), 0);
  EXPECT_FALSE(run_guarded(mapping, 4096, touch, mapping));
  EXPECT_FALSE(run_guarded(mapping, 4096, touch, mapping));
  ASSERT_EQ(::ftruncate(fd, 4096), 0);
  EXPECT_TRUE(run_guarded(mapping, 4096, touch, mapping));
  ASSERT_EQ(::munmap(mapping, 4096), 0);
  ASSERT_EQ(::close(fd), 0);
}

TEST(FaultGuardDeathTest, LeavesOtherFaultsToEndTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        install_fault_guard();
        (void)::raise(SIGBUS);
        (void)::raise(SIGBUS);
      },
      "");
}

}  // namespace
}  // namespace agp::ledger
