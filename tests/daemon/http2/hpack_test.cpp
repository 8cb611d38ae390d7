#include "daemon/http2/hpack.h"

#include "daemon/http2/head.h"
#include "daemon/http2/limits.h"
#include "tests/daemon/http2/wire.h"

#include <gtest/gtest.h>

namespace agp::http2 {
namespace {

std::string joined(FieldList* list) {
  std::string out;
  for (const Field& field : list->head().fields) {
    out += std::string(field.name) + "=" + std::string(field.value) + ";";
  }
  list->clear();
  return out;
}

TEST(Inflater, EverySplitGivesTheSameFields) {
  wire::Encoder encoder;
  const std::string first = encoder.block({{"a", "one"}, {"content-type", "text/event-stream"}});
  const std::string second = encoder.block({{"a", "one"}, {"b", std::string(300, 'x')}});
  for (std::size_t cut = 0; cut <= second.size(); ++cut) {
    Inflater inflater;
    FieldList list;
    ASSERT_TRUE(inflater.feed(as_bytes(first), true, &list));
    EXPECT_EQ(joined(&list), "a=one;content-type=text/event-stream;");
    ASSERT_TRUE(inflater.feed(as_bytes(second).first(cut), false, &list));
    ASSERT_TRUE(inflater.feed(as_bytes(second).subspan(cut), false, &list));
    ASSERT_TRUE(inflater.feed({}, true, &list));
    EXPECT_EQ(joined(&list), "a=one;b=" + std::string(300, 'x') + ";") << cut;
  }
}

TEST(Inflater, FieldsThatNobodyWantsStillEnterTheTable) {
  wire::Encoder encoder;
  Inflater inflater;
  FieldList list;
  ASSERT_TRUE(inflater.feed(as_bytes(encoder.block({{"a", "one"}})), true, nullptr));
  EXPECT_GT(inflater.table_bytes(), 0u);
  const std::string indexed = encoder.block({{"a", "one"}});
  EXPECT_EQ(indexed.size(), 1u);
  ASSERT_TRUE(inflater.feed(as_bytes(indexed), true, &list));
  EXPECT_EQ(joined(&list), "a=one;");
}

TEST(Inflater, ABlockThatEndsInsideAFieldIsAnError) {
  wire::Encoder encoder;
  const std::string block = encoder.block({{"a", "one"}});
  Inflater inflater;
  EXPECT_FALSE(inflater.feed(as_bytes(block).first(block.size() - 1), true, nullptr));
  EXPECT_FALSE(inflater.feed(as_bytes(block), true, nullptr));
}

TEST(Inflater, AnEncoderMustAnnounceASmallerTable) {
  wire::Encoder encoder;
  Inflater inflater;
  ASSERT_TRUE(inflater.feed(as_bytes(encoder.block({{"a", "one"}})), true, nullptr));
  ASSERT_TRUE(inflater.set_max_table_size(0));
  EXPECT_EQ(inflater.table_bytes(), 0u);
  EXPECT_FALSE(inflater.feed(as_bytes(encoder.block({{"a", "one"}})), true, nullptr));
}

TEST(Inflater, ALargerTableIsUsedWhenTheEncoderSaysSo) {
  wire::Encoder encoder(65536);
  Inflater inflater;
  ASSERT_TRUE(inflater.set_max_table_size(65536));
  encoder.change_table_size(65536);
  wire::Fields many;
  for (int i = 0; i < 200; ++i) {
    many.emplace_back("name" + std::to_string(i), std::string(50, 'v'));
  }
  ASSERT_TRUE(inflater.feed(as_bytes(encoder.block(many)), true, nullptr));
  EXPECT_GT(inflater.table_bytes(), 16'000u);
}

TEST(Inflater, ATableAboveTheLimitIsRefusedOnlyWhenItIsUsed) {
  wire::Encoder encoder(4 * kMaxTableBytes);
  Inflater inflater;
  ASSERT_TRUE(inflater.set_max_table_size(4 * kMaxTableBytes));
  encoder.change_table_size(4 * kMaxTableBytes);
  EXPECT_FALSE(inflater.feed(as_bytes(encoder.block({{"a", "b"}})), true, nullptr));
}

TEST(Inflater, ASizeSaidInsideABlockCountsAfterIt) {
  wire::Encoder encoder;
  const std::string block = encoder.block({{"a", "one"}});
  Inflater inflater;
  ASSERT_TRUE(inflater.feed(as_bytes(block).first(1), false, nullptr));
  ASSERT_TRUE(inflater.set_max_table_size(0));
  ASSERT_TRUE(inflater.feed(as_bytes(block).subspan(1), true, nullptr));
  EXPECT_EQ(inflater.table_bytes(), 0u);
}

TEST(Inflater, NoEncoderMakesItHoldMoreThanTheTable) {
  // One large entry that a single octet names: 60 kB of fields per octet of input.
  wire::Encoder encoder(65536);
  Inflater inflater;
  ASSERT_TRUE(inflater.set_max_table_size(65536));
  encoder.change_table_size(65536);
  FieldList list;
  ASSERT_TRUE(
      inflater.feed(as_bytes(encoder.block({{"a", std::string(40'000, 'v')}})), true, &list));
  const std::string again = encoder.block({{"a", std::string(40'000, 'v')}});
  ASSERT_LE(again.size(), 2u);
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(inflater.feed(as_bytes(again), false, &list));
  }
  EXPECT_TRUE(list.head().is_cut);
  EXPECT_LE(list.head().fields.size(), 7u);
  EXPECT_LE(inflater.table_bytes(), 65536u);
}

}  // namespace
}  // namespace agp::http2
