#include "daemon/usage/field_extractor.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::usage {
namespace {

const FieldTable& table() {
  using K = FieldKind;
  static const FieldTable fields(
      {
          {"usage", K::usage},
          {"usage.input", K::count, 0},
          {"usage.details.cached", K::count, 1},
          {"usage.split", K::list, 0},
          {"usage.split[]", K::entry},
          {"usage.split[].name", K::entry_name},
          {"usage.split[].n", K::entry_count},
          {"model", K::model, Snapshot::kModel},
          {"id", K::id, Snapshot::kResponseId},
          {"tier", K::lower_word, Snapshot::kServiceTier},
          {"items[]", K::scope, 7},
          {"items[].name", K::note, 3},
          {"items[].credit", K::amount, 4},
          {"tools[].name", K::tool_name},
          {"queries", K::tally, 2},
          {"error", K::error},
          {"error.type", K::word, Snapshot::kErrorType},
          {"error.code", K::code, Snapshot::kErrorCode},
      },
      {"", "inner"});
  return fields;
}

class Read final : public FieldHandler {
 public:
  explicit Read(const std::string& text, std::size_t cut = 0) : extractor(&table(), this) {
    extractor.into(&outer);
    JsonReader json(&extractor);
    (void)json.feed(as_bytes(text).first(cut));
    (void)json.feed(as_bytes(text).subspan(cut));
    EXPECT_EQ(json.finish(), JsonReader::Status::done) << text;
  }

  void on_object_begin() override { log += "{"; }
  void on_object_end() override { log += "}"; }
  void on_scope_begin(std::size_t index) override {
    log += "<" + std::to_string(index);
    extractor.into(index == 1 ? &inner : &outer);
  }
  void on_scope_end(std::size_t) override {
    log += ">";
    extractor.into(&outer);
  }
  void on_note(std::size_t index, std::string_view text) override {
    log += std::to_string(index) + "=" + std::string(text);
  }
  void on_amount(std::size_t index, std::uint64_t value) override {
    log += std::to_string(index) + "=" + std::to_string(value);
  }

  FieldExtractor extractor;
  Snapshot outer;
  Snapshot inner;
  std::string log;
};

TEST(FieldExtractor, TakesWhatTheTableNamesAndNothingElseForAnySplit) {
  const std::string text =
      R"({"model":"models/m","id":"i\u00e9","tier":"FAST","other":{"usage":{"input":9},"model":"no"},)"
      R"("usage":{"input":5,"details":{"cached":"3","x":[{"cached":9}]},"input2":7},"x":[1,[2,{"id":"no"}]]})";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const Read read(text, cut);
    ASSERT_EQ(read.outer.text(Snapshot::kModel), "m") << cut;
    ASSERT_EQ(read.outer.text(Snapshot::kResponseId), "i??") << cut;
    ASSERT_EQ(read.outer.text(Snapshot::kServiceTier), "fast") << cut;
    ASSERT_EQ(read.outer.count(0), 5u) << cut;
    ASSERT_EQ(read.outer.count(1), 3u) << cut;
    ASSERT_TRUE(read.outer.has_usage());
    ASSERT_FALSE(read.outer.has_bad_number());
    ASSERT_EQ(read.log, "{}");
  }
}

TEST(FieldExtractor, AnInnerObjectHasTheSameFieldsInAScopeOfItsOwn) {
  const Read read(R"({"usage":{"input":1},"inner":{"usage":{"input":2},"inner":{"model":"no"}}})");
  EXPECT_EQ(read.log, "{<1>}");
  EXPECT_EQ(read.outer.count(0), 1u);
  EXPECT_EQ(read.inner.count(0), 2u);
  EXPECT_EQ(read.inner.word(Snapshot::kModel), nullptr);
}

TEST(FieldExtractor, AnArrayOfObjectsIsReadObjectByObject) {
  const Read read(R"([{"usage":{"input":1}},[{"usage":{"input":7}}],5,"x",{"usage":{"input":2}}])");
  EXPECT_TRUE(read.extractor.is_array());
  EXPECT_EQ(read.log, "{}{}");
  EXPECT_EQ(read.outer.count(0), 2u);
}

TEST(FieldExtractor, ScopesNotesAndAmountsComeInOrder) {
  const Read read(
      R"({"items":[{"name":"a","credit":"2"},7,{"credit":3.0,"name":"b"},[{"name":"no"}]]})");
  EXPECT_EQ(read.log, "{<73=a4=2><74=33=b>}");
}

TEST(FieldExtractor, NamedNumbersAddUpPerNameAndTalliesCount) {
  const Read read(
      R"({"usage":{"split":[{"name":"A","n":1},{"n":2,"name":"B"},{"name":"A","n":4},{"name":"C"}]},"queries":["x",{"y":1},["z"]]})");
  EXPECT_EQ(*read.outer.list(0), (ModalityCounts{{"A", 5}, {"B", 2}}));
  EXPECT_EQ(read.outer.count(2), 3u);
}

TEST(FieldExtractor, WhatHasAnotherTypeIsAbsentAndBadWhenANumber) {
  for (const char* bad : {"{}", "[1]", "true", "-1", "\"x\"", "1.5"}) {
    const Read read(R"({"usage":{"input":)" + std::string(bad) +
                    R"(},"model":5,"id":{"a":"b"},"tools":{"name":"x"}})");
    EXPECT_FALSE(read.outer.count(0)) << bad;
    EXPECT_TRUE(read.outer.has_bad_number()) << bad;
    EXPECT_EQ(read.outer.word(Snapshot::kModel), nullptr);
    EXPECT_TRUE(read.outer.tool_names().empty());
  }
  EXPECT_FALSE(Read(R"({"usage":[1],"error":"x"})").outer.has_usage());
  EXPECT_FALSE(Read(R"({"usage":null,"error":null})").outer.has_error());
  EXPECT_EQ(Read(R"({"error":{"code":429}})").outer.error(), (CallError{"429", "429"}));
  EXPECT_EQ(Read(R"({"error":{}})").outer.error(), (CallError{"unknown", ""}));
}

TEST(FieldTable, NamesNumbersAsTheProviderDoes) {
  EXPECT_EQ(table().count_name(0), "input");
  EXPECT_EQ(table().count_name(1), "details.cached");
  EXPECT_EQ(table().count_name(2), "");
  EXPECT_EQ(table().list_name(0), "split");
}

TEST(Snapshot, MergesPerFieldAndKeepsToItsLimits) {
  Snapshot seen;
  Snapshot later;
  seen.set_count(0, 5);
  seen.set_count(1, 6);
  *seen.set_word(Snapshot::kModel) = "a";
  later.set_count(1, 0);
  later.begin_list(0);
  later.add_to_list(0, "x", kMaxCount);
  later.add_to_list(0, "x", 1);
  for (std::size_t i = 0; i < kMaxModalities + 5; ++i) {
    later.add_to_list(0, "m" + std::to_string(i), 1);
  }
  for (std::size_t i = 0; i < kMaxToolNames + 5; ++i) {
    later.add_tool_name("t" + std::to_string(i));
  }
  seen.merge(&later);
  EXPECT_EQ(seen.count(0), 5u);
  EXPECT_EQ(seen.count(1), 0u);
  EXPECT_EQ(seen.text(Snapshot::kModel), "a");
  EXPECT_EQ(seen.list(0)->at("x"), kMaxCount);
  EXPECT_TRUE(seen.has_bad_number());
  EXPECT_EQ(seen.list(0)->size(), kMaxModalities);
  EXPECT_EQ(seen.tool_names().size(), kMaxToolNames);
  EXPECT_FALSE(later.count(1));
  EXPECT_TRUE(later.tool_names().empty());
}

}  // namespace
}  // namespace agp::usage
