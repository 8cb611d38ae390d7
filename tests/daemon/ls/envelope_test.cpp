#include "daemon/ls/envelope.h"

#include "daemon/ls/errors.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

using std::string_literals::operator""s;

std::string frame(char flags, const std::string& payload) {
  std::string out = envelope(payload);
  out[0] = flags;
  return out;
}

const std::string kGood =
    envelope(R"({"update":{}})") + envelope("") + envelope(std::string(300, 'x')) + frame(2, "{}");

std::vector<std::string> take(EnvelopeReader* reader) {
  std::vector<std::string> out;
  while (auto message = reader->next_message()) {
    out.push_back(std::move(*message));
  }
  return out;
}

TEST(Envelope, HasFiveOctetsOfHead) {
  EXPECT_EQ(envelope("ab"), "\0\0\0\0\2ab"s);
  EXPECT_EQ(envelope(std::string(0x010203, 'x')).substr(0, 5), "\0\0\1\2\3"s);
}

TEST(EnvelopeReader, EverySplitGivesTheSameMessages) {
  const std::vector<std::string> expected = {R"({"update":{}})", "", std::string(300, 'x')};
  for (std::size_t cut = 0; cut <= kGood.size(); ++cut) {
    EnvelopeReader reader(300);
    ASSERT_TRUE(reader.feed(as_bytes(kGood).first(cut))) << cut;
    ASSERT_EQ(reader.is_ended(), cut == kGood.size()) << cut;
    ASSERT_TRUE(reader.feed(as_bytes(kGood).subspan(cut))) << cut;
    ASSERT_EQ(take(&reader), expected) << "cut at " << cut;
    ASSERT_TRUE(reader.is_ended());
    ASSERT_TRUE(reader.outcome());
  }
}

TEST(EnvelopeReader, EveryCutIsACutStream) {
  for (std::size_t cut = 0; cut < kGood.size(); ++cut) {
    EnvelopeReader reader(300);
    ASSERT_TRUE(reader.feed(as_bytes(kGood).first(cut)));
    ASSERT_EQ(reader.outcome().error().code, Errc::unreachable) << cut;
  }
}

TEST(EnvelopeReader, RefusesAMessageLargerThanTheLimitBeforeItHasCome) {
  for (const char flags : {'\0', '\2'}) {
    EnvelopeReader reader(300);
    const std::string wire = envelope("first") + frame(flags, std::string(301, 'x')).substr(0, 5);
    EXPECT_EQ(reader.feed(as_bytes(wire)).error().code, Errc::too_large);
    EXPECT_EQ(take(&reader), std::vector<std::string>{"first"});
    EXPECT_EQ(reader.feed(as_bytes(envelope("x"))).error().code, Errc::too_large);
    EXPECT_EQ(reader.outcome().error().code, Errc::too_large);
    EXPECT_FALSE(reader.is_ended());
  }
}

TEST(EnvelopeReader, RefusesWhatWasNotAskedForOrDoesNotExist) {
  for (const std::string& wire : {frame(1, "x"), frame(3, "{}"), frame(4, "x"), frame('\x80', "x"),
                                  frame(2, "nonsense"), frame(2, ""), frame(2, "[]"),
                                  frame(2, "{}") + "x", std::string(R"({"code":"internal"})")}) {
    EnvelopeReader reader(300);
    const auto fed = reader.feed(as_bytes(wire));
    ASSERT_FALSE(fed) << wire;
    EXPECT_TRUE(fed.error().code == Errc::bad_answer) << wire << fed.error().text();
    EXPECT_FALSE(reader.outcome()) << wire;
  }
}

TEST(EnvelopeReader, TellsTheErrorOfTheEndFrame) {
  EnvelopeReader reader(300);
  ASSERT_TRUE(reader.feed(as_bytes(
      envelope("m") +
      frame(2, R"({"error":{"code":"not_found","message":"no such trajectory"},"metadata":{}})"))));
  EXPECT_TRUE(reader.is_ended());
  EXPECT_EQ(take(&reader).size(), 1U);
  EXPECT_EQ(reader.outcome().error().code, Errc::not_found);
  EXPECT_NE(reader.outcome().error().context.find("no such trajectory"), std::string::npos);
}

TEST(EnvelopeReader, KnowsAMethodThatIsSwitchedOffByItsText) {
  EnvelopeReader reader(300);
  ASSERT_TRUE(reader.feed(as_bytes(
      frame(2, R"({"error":{"code":"unknown","message":"reactive state is disabled"}})"))));
  EXPECT_EQ(reader.outcome().error().code, Errc::disabled);
}

}  // namespace
}  // namespace agp::ls
