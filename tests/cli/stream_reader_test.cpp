#include "cli/stream_reader.h"

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

constexpr std::string_view kWire =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 3000\n\n"
    "id: 7\nevent: record\ndata: {\"a\":1}\n\n: keep-alive\n\n"
    "id: 9\nevent: record\ndata: {\"a\":2}\n\n";

TEST(StreamReader, EverySplitGivesTheSameRecords) {
  for (std::size_t cut = 0; cut <= kWire.size(); ++cut) {
    StreamReader reader("");
    ASSERT_TRUE(reader.feed(kWire.substr(0, cut)));
    ASSERT_TRUE(reader.feed(kWire.substr(cut)));
    EXPECT_EQ(reader.take_records(), "{\"a\":1}\n{\"a\":2}\n") << "cut at " << cut;
    EXPECT_EQ(reader.last_id(), "9");
    EXPECT_EQ(reader.status(), 200);
  }
}

TEST(StreamReader, GoesOnWhereTheServiceSays) {
  StreamReader reader("5");
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_EQ(reader.last_id(), "5");
  ASSERT_TRUE(reader.feed("event: end\ndata: {\"reason\":\"stopping\",\"resume_after\":12}\n\n"));
  EXPECT_EQ(reader.last_id(), "12");
  ASSERT_TRUE(reader.feed("id: 0\nevent: reset\ndata: {\"after\":12,\"newest\":3}\n\n"));
  EXPECT_EQ(reader.last_id(), "0");
  EXPECT_EQ(reader.take_records(), "");
}

TEST(StreamReader, ARecordThatIsCutOffIsNone) {
  StreamReader reader("5");
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 OK\r\n\r\nid: 6\ndata: {\"a\":1}\n"));
  EXPECT_EQ(reader.take_records(), "");
  EXPECT_EQ(reader.last_id(), "5");
}

TEST(StreamReader, RefusesWhatIsNoAnswer) {
  StreamReader other("");
  ASSERT_TRUE(other.feed("SSH-2.0-x\r\n"));
  EXPECT_EQ(other.status(), 0);
  StreamReader endless("");
  EXPECT_FALSE(endless.feed(std::string(StreamReader::kLongestLine + 1, 'x')));
}

}  // namespace
}  // namespace agp::cli
