#include "daemon/ls/process_memory.h"

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

using Verdict = ProcessMemory::Verdict;

/// One look at one process; what comes out of it if it is read.
bool look(ProcessMemory* memory, pid_t pid, std::uint64_t inode, Verdict verdict) {
  memory->begin_look();
  const bool read = memory->needs_look(pid, inode);
  if (read) {
    memory->judged(pid, verdict);
  }
  memory->end_look();
  return read;
}

TEST(ProcessMemory, BelievesInAnUnrelatedProcessAfterAFewLooksAndStillReadsItNowAndThen) {
  ProcessMemory memory;
  for (unsigned i = 0; i < ProcessMemory::kLooksToSettle; ++i) {
    EXPECT_TRUE(look(&memory, 7, 70, Verdict::unrelated));
  }
  unsigned read = 0;
  for (unsigned i = 0; i < ProcessMemory::kLooksBetween; ++i) {
    read += look(&memory, 7, 70, Verdict::unrelated) ? 1 : 0;
  }
  EXPECT_EQ(read, 1U);
}

TEST(ProcessMemory, AlwaysReadsWhatIsRelatedOrNotYetSettled) {
  ProcessMemory memory;
  for (int i = 0; i < 40; ++i) {
    EXPECT_TRUE(look(&memory, 7, 70, Verdict::related));
    EXPECT_TRUE(look(&memory, 7, 70, Verdict::unsettled));
  }
}

TEST(ProcessMemory, KnowsAnotherProcessUnderTheSamePid) {
  ProcessMemory memory;
  for (int i = 0; i < 20; ++i) {
    (void)look(&memory, 7, 70, Verdict::unrelated);
  }
  for (unsigned i = 0; i < ProcessMemory::kLooksToSettle; ++i) {
    EXPECT_TRUE(look(&memory, 7, 71, Verdict::unrelated));
  }
}

TEST(ProcessMemory, ForgetsWhatIsGone) {
  ProcessMemory memory;
  (void)look(&memory, 7, 70, Verdict::unrelated);
  (void)look(&memory, 8, 80, Verdict::unrelated);
  EXPECT_EQ(memory.size(), 1U);
  memory.judged(7, Verdict::related);  // nobody asked for it: nothing happens
  EXPECT_EQ(memory.size(), 1U);
}

}  // namespace
}  // namespace agp::ls
