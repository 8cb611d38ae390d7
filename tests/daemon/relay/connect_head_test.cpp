#include "daemon/relay/connect_head.h"

#include <gtest/gtest.h>

namespace agp::relay {
namespace {

constexpr std::string_view kHead =
    "CONNECT api.anthropic.com:443 HTTP/1.1\r\nHost: api.anthropic.com:443\r\n\r\n";

TEST(ConnectHead, NeedsTheWholeHead) {
  for (std::size_t cut = 0; cut < kHead.size(); ++cut) {
    const auto parsed = parse_connect_head(kHead.substr(0, cut));
    ASSERT_TRUE(parsed) << cut;
    EXPECT_FALSE(*parsed) << cut;
  }
  const auto parsed = parse_connect_head(kHead);
  ASSERT_TRUE(parsed);
  ASSERT_TRUE(*parsed);
  EXPECT_EQ((*parsed)->host, "api.anthropic.com");
  EXPECT_EQ((*parsed)->port, 443);
  EXPECT_EQ((*parsed)->head_size, kHead.size());
}

TEST(ConnectHead, TakesAddressLiterals) {
  const auto parsed = parse_connect_head("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ((*parsed)->host, "2001:db8::1");
}

TEST(ConnectHead, NamesComeInLowerCase) {
  const auto parsed = parse_connect_head("CONNECT API.Example.COM:443 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ((*parsed)->host, "api.example.com");
}

TEST(ConnectHead, RefusesEverythingElse) {
  for (const char* head : {"GET / HTTP/1.1\r\n\r\n", "CONNECT host HTTP/1.1\r\n\r\n",
                           "CONNECT host:0 HTTP/1.1\r\n\r\n", "CONNECT host:70000 HTTP/1.1\r\n\r\n",
                           "CONNECT :443 HTTP/1.1\r\n\r\n", "CONNECT host:443\r\n\r\n",
                           "CONNECT a b:443 HTTP/1.1\r\n\r\n", "CONNECT h\x01:443 HTTP/1.1\r\n\r\n",
                           "CONNECT host:44x HTTP/1.1\r\n\r\n"}) {
    EXPECT_FALSE(parse_connect_head(head)) << head;
  }
}

TEST(ConnectHead, AnotherMethodOfHttpIsTold) {
  for (const char* head : {"GET http://a.example/ HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.0\r\n\r\n",
                           "POST / HTTP/1.1\r\nHost: a.example\r\n\r\n"}) {
    const auto parsed = parse_connect_head(head);
    ASSERT_FALSE(parsed) << head;
    EXPECT_EQ(parsed.error().code, boost::system::errc::not_supported) << head;
  }
  // What only looks like it is nonsense, and so is CONNECT without a target.
  for (const char* head : {"get / HTTP/1.1\r\n\r\n", "GET /\r\n\r\n", " / HTTP/1.1\r\n\r\n",
                           "GET / HTTP/2.0\r\n\r\n", "CONNECT / HTTP/1.1\r\n\r\n"}) {
    const auto parsed = parse_connect_head(head);
    ASSERT_FALSE(parsed) << head;
    EXPECT_EQ(parsed.error().code, boost::system::errc::invalid_argument) << head;
  }
}

TEST(ConnectHead, HasALimit) {
  const std::string endless(kConnectHeadLimit, 'a');
  const auto parsed = parse_connect_head(endless);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, boost::system::errc::message_size);
}

}  // namespace
}  // namespace agp::relay
