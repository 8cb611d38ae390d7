#include "daemon/otlp/queue.h"

#include "tests/daemon/otlp/support.h"

#include <chrono>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>

namespace agp::otlp {
namespace {

namespace fs = std::filesystem;
using test::number_of;
using test::request_of;

constexpr std::uint64_t kLimit = 1 << 20;

class OtlpQueueTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string file(const std::string& name) const {
    return folder_.queue() + '/' + name;
  }
  // Takes all of them out.
  static std::vector<std::int64_t> drain(Queue& queue) {
    std::vector<std::int64_t> numbers;
    while (const auto item = queue.front()) {
      numbers.push_back(number_of(item->octets));
      queue.pop(item->place);
    }
    return numbers;
  }

  test::Folder folder_;
};

TEST_F(OtlpQueueTest, KeepsTheirOrderOverARestart) {
  {
    Queue queue(folder_.queue(), kLimit);
    ASSERT_TRUE(queue.open());
    for (std::uint64_t i = 1; i <= 12; ++i) {
      ASSERT_TRUE(queue.push(request_of(i)));
    }
    queue.pop(queue.front()->place);
  }
  Queue queue(folder_.queue(), kLimit);
  ASSERT_TRUE(queue.open());
  EXPECT_EQ(queue.counts().waiting, 11U);
  ASSERT_TRUE(queue.push(request_of(13)));
  EXPECT_EQ(drain(queue), (std::vector<std::int64_t>{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}));
  EXPECT_EQ(queue.counts().waiting_bytes, 0U);
  EXPECT_TRUE(fs::is_empty(folder_.queue()));
}

TEST_F(OtlpQueueTest, TheOldestMakeRoomAndAreCounted) {
  const auto size = request_of(1).size();
  Queue queue(folder_.queue(), 3 * size);
  ASSERT_TRUE(queue.open());
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(queue.push(request_of(i)));
    EXPECT_LE(queue.counts().waiting_bytes, 3 * size);
  }
  EXPECT_EQ(queue.counts().no_room, 2U);
  EXPECT_EQ(drain(queue), (std::vector<std::int64_t>{3, 4, 5}));
}

TEST_F(OtlpQueueTest, TheAgeOfTheOldestOutlivesTheProcess) {
  {
    Queue queue(folder_.queue(), kLimit);
    ASSERT_TRUE(queue.open());
    EXPECT_EQ(queue.counts().oldest_since, std::nullopt);
    ASSERT_TRUE(queue.push(request_of(1)));
    ASSERT_TRUE(queue.push(request_of(2)));
  }
  const fs::file_time_type hour_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  fs::last_write_time(file("00000000000000000001.otlp"), hour_ago);
  Queue queue(folder_.queue(), kLimit);
  ASSERT_TRUE(queue.open());
  const auto now = std::chrono::system_clock::now();
  const auto age = [&] {
    return now - queue.counts().oldest_since.value_or(usage::Micros{});
  };
  EXPECT_GE(age(), std::chrono::minutes(59));
  EXPECT_LE(age(), std::chrono::minutes(61));
  queue.pop(queue.front()->place);
  EXPECT_LE(age(), std::chrono::minutes(1)) << "the next one came later";
  queue.pop(queue.front()->place);
  EXPECT_EQ(queue.counts().oldest_since, std::nullopt);
}

TEST_F(OtlpQueueTest, WhatIsLargerThanTheWholeRoomDisplacesNothing) {
  Queue queue(folder_.queue(), request_of(1).size());
  ASSERT_TRUE(queue.open());
  ASSERT_TRUE(queue.push(request_of(1)));
  EXPECT_FALSE(queue.push(std::string(kLimit, 'x')));
  EXPECT_EQ(queue.counts().no_room, 1U);
  EXPECT_EQ(drain(queue), std::vector<std::int64_t>{1});
}

TEST_F(OtlpQueueTest, ASmallerBoundHoldsForWhatIsThere) {
  {
    Queue queue(folder_.queue(), kLimit);
    ASSERT_TRUE(queue.open());
    for (std::uint64_t i = 1; i <= 5; ++i) {
      ASSERT_TRUE(queue.push(request_of(i)));
    }
  }
  Queue queue(folder_.queue(), 2 * request_of(1).size());
  ASSERT_TRUE(queue.open());
  EXPECT_EQ(queue.counts().no_room, 3U);
  EXPECT_EQ(drain(queue), (std::vector<std::int64_t>{4, 5}));
}

TEST_F(OtlpQueueTest, GarbageIsLeftOutAndCounted) {
  {
    Queue queue(folder_.queue(), kLimit);
    ASSERT_TRUE(queue.open());
    for (std::uint64_t i = 1; i <= 4; ++i) {
      ASSERT_TRUE(queue.push(request_of(i)));
    }
  }
  std::ofstream(file("00000000000000000001.otlp"), std::ios::trunc) << "nonsense";
  fs::resize_file(file("00000000000000000002.otlp"), 5);
  fs::resize_file(file("00000000000000000003.otlp"), 0);
  std::ofstream(file("unfinished")) << "half of";
  std::ofstream(file("notes.txt")) << "somebody else's";
  std::ofstream(file("0000000000000000000x.otlp")) << "no number";
  fs::create_directory(file("00000000000000000009.otlp"));
  fs::create_symlink("/etc/passwd", file("00000000000000000008.otlp"));
  Queue queue(folder_.queue(), kLimit);
  ASSERT_TRUE(queue.open());
  EXPECT_EQ(drain(queue), std::vector<std::int64_t>{4});
  EXPECT_EQ(queue.counts().unreadable, 3U);
  EXPECT_FALSE(fs::exists(file("unfinished")));
  EXPECT_TRUE(fs::exists(file("notes.txt")));
}

TEST_F(OtlpQueueTest, WhatSomebodyRemovedOrShortenedIsNoHarm) {
  Queue queue(folder_.queue(), kLimit);
  ASSERT_TRUE(queue.open());
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(queue.push(request_of(i)));
  }
  fs::remove(file("00000000000000000001.otlp"));
  fs::resize_file(file("00000000000000000002.otlp"), 3);
  EXPECT_EQ(drain(queue), std::vector<std::int64_t>{3});
  queue.pop(99);
  EXPECT_EQ(queue.counts().unreadable, 2U);
}

// As on a disk that is gone: nothing can be made where a file stands for the directory.
TEST_F(OtlpQueueTest, ADirectoryThatCannotBeIsAnErrorAndACount) {
  std::ofstream(folder_.queue()) << "a file";
  Queue queue(folder_.queue(), kLimit);
  EXPECT_FALSE(queue.open());
  EXPECT_FALSE(queue.push(request_of(1)));
  EXPECT_EQ(queue.counts().unwritable, 1U);
  EXPECT_EQ(queue.counts().waiting, 0U);
  EXPECT_FALSE(queue.front());
}

TEST_F(OtlpQueueTest, WithoutRoomOnTheDiskNothingIsLeftBehind) {
  Queue queue(folder_.queue(), kLimit);
  ASSERT_TRUE(queue.open());
  fs::create_directory(file("00000000000000000001.otlp"));  // the rename fails
  EXPECT_FALSE(queue.push(request_of(1)));
  EXPECT_FALSE(fs::exists(file("unfinished")));
  EXPECT_EQ(queue.counts().unwritable, 1U);
}

}  // namespace
}  // namespace agp::otlp
