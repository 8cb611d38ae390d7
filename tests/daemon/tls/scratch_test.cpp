#include "daemon/tls/scratch.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::tls {
namespace {

TEST(Plaintext, GrowsAndKeepsItsRoom) {
  Plaintext text;
  EXPECT_TRUE(text.empty());
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 97), static_cast<char>('a' + i % 26));
    text.append(as_bytes(piece));
    expected += piece;
  }
  EXPECT_EQ(as_text(text.bytes()), expected);
  const auto* before = text.bytes().data();
  text.clear();
  EXPECT_EQ(text.room(expected.size()), before);
}

TEST(SpareBuffers, KeepsAFewOfUsefulSize) {
  SpareBuffers spare;
  spare.give(Buffer(10));
  spare.give(Buffer(SpareBuffers::kLargest + 1));
  EXPECT_EQ(spare.size(), 0U);
  EXPECT_EQ(spare.take().capacity(), 0U);
  for (std::size_t i = 0; i < 2 * SpareBuffers::kMost; ++i) {
    spare.give(Buffer(SpareBuffers::kSmallest));
  }
  EXPECT_EQ(spare.size(), SpareBuffers::kMost);
  const Buffer taken = spare.take();
  EXPECT_TRUE(taken.empty());
  EXPECT_GE(taken.capacity(), SpareBuffers::kSmallest);
}

TEST(Choices, TheLastOneCountsAndAboveTheLimitAllAreForgotten) {
  Choices choices;
  EXPECT_EQ(choices.find("a"), nullptr);
  choices.put("a", "h2");
  choices.put("a", "http/1.1");
  EXPECT_EQ(*choices.find("a"), "http/1.1");
  for (std::size_t i = 0; i < 2 * Choices::kMost; ++i) {
    choices.put(std::to_string(i), "h2");
    ASSERT_LE(choices.size(), Choices::kMost);
  }
  EXPECT_EQ(choices.find("a"), nullptr);
  choices.put(std::to_string(2 * Choices::kMost - 1), "");
  EXPECT_EQ(*choices.find(std::to_string(2 * Choices::kMost - 1)), "");
}

}  // namespace
}  // namespace agp::tls
