#include "daemon/io/proxy_handshake.h"

#include <gtest/gtest.h>

namespace agp::io {
namespace {

UpstreamProxy proxy(const char* url, const char* user = "", const char* password = "") {
  UpstreamProxy made;
  made.url = *config::ProxyUrl::parse(url);
  made.user = Secret<std::string>(user);
  made.password = Secret<std::string>(password);
  return made;
}

std::string text(const Buffer& bytes) {
  return std::string(as_text(bytes));
}

std::string octets(std::initializer_list<int> list) {
  std::string made;
  for (const int each : list) {
    made.push_back(static_cast<char>(each));
  }
  return made;
}

// What the proxy says, cut at every place; what follows must be left over.
void every_split(const UpstreamProxy& through,
                 const ProxyTarget& target,
                 const std::string& wire,
                 const std::string& sent) {
  const std::string behind = "hello from beyond";
  const std::string all = wire + behind;
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    ProxyHandshake handshake(&through, target);
    std::string got = text(handshake.take_output());
    std::string rest;
    for (const auto& part : {all.substr(0, cut), all.substr(cut)}) {
      if (handshake.is_open()) {
        rest += part;
        continue;
      }
      const auto taken = handshake.feed(as_bytes(part));
      ASSERT_TRUE(taken) << "cut at " << cut;
      rest += part.substr(*taken);
      got += text(handshake.take_output());
    }
    EXPECT_TRUE(handshake.is_open()) << "cut at " << cut;
    EXPECT_EQ(rest, behind) << "cut at " << cut;
    EXPECT_EQ(got, sent) << "cut at " << cut;
  }
}

TEST(ProxyHandshake, HttpConnectAsksForTheNameAndLeavesWhatFollowsTheHead) {
  every_split(proxy("http://proxy.example:3128"), {"api.example.com", 443},
              "HTTP/1.1 200 Connection established\r\nVia: 1.1 squid\r\n\r\n",
              "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n");
}

TEST(ProxyHandshake, AnInterimAnswerIsSkipped) {
  every_split(proxy("http://proxy.example:3128"), {"2001:db8::1", 443},
              "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\n",
              "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n");
}

TEST(ProxyHandshake, BasicCredentialsAreSent) {
  // RFC 7617 section 2.
  const auto through = proxy("http://proxy.example:3128", "Aladdin", "open sesame");
  ProxyHandshake handshake(&through, {"api.example.com", 443});
  EXPECT_NE(text(handshake.take_output())
                .find("\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"),
            std::string::npos);
}

TEST(ProxyHandshake, EachHttpRefusalHasItsReason) {
  const std::pair<const char*, ProxyErrc> cases[] = {
      {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", ProxyErrc::authentication},
      {"HTTP/1.1 403 Forbidden\r\n\r\n", ProxyErrc::refused},
      {"HTTP/1.1 405 No\r\n\r\n", ProxyErrc::refused},
      {"HTTP/1.1 502 Bad Gateway\r\n\r\n", ProxyErrc::unreachable},
      {"HTTP/1.1 504 Gateway Timeout\r\n\r\n", ProxyErrc::unreachable},
      {"SSH-2.0-OpenSSH\r\n\r\n", ProxyErrc::malformed},
      {"HTTP/1.1 2000 OK\r\n\r\n", ProxyErrc::malformed},
      {"HTTP/1.1 -20 OK\r\n\r\n", ProxyErrc::malformed},
      {"HTTP/1.1 099 OK\r\n\r\n", ProxyErrc::malformed},
      {"HTTP/1.1/200 OK\r\n\r\n", ProxyErrc::malformed},
      {"HTTP/1.1\r\n\r\n", ProxyErrc::malformed}};
  const auto through = proxy("http://proxy.example:3128", "user", "hunter2");
  for (const auto& [wire, expected] : cases) {
    ProxyHandshake handshake(&through, {"api.example.com", 443});
    const auto fed = handshake.feed(as_bytes(wire));
    ASSERT_FALSE(fed) << wire;
    EXPECT_EQ(fed.error().code, expected) << wire;
    EXPECT_EQ(fed.error().text().find("hunter2"), std::string::npos);
  }
}

TEST(ProxyHandshake, RefusesAnHttpAnswerAboveTheLimit) {
  const auto through = proxy("http://proxy.example:3128");
  ProxyHandshake handshake(&through, {"api.example.com", 443});
  const auto fed = handshake.feed(as_bytes("HTTP/1.1 200 " + std::string(kProxyAnswerLimit, 'x')));
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, ProxyErrc::too_long);
}

TEST(ProxyHandshake, InterimAnswersWithoutEndPassTheLimitTogether) {
  const auto through = proxy("http://proxy.example:3128");
  ProxyHandshake handshake(&through, {"api.example.com", 443});
  const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
  std::size_t sent = 0;
  auto fed = handshake.feed({});
  while (fed && sent <= kProxyAnswerLimit) {
    fed = handshake.feed(as_bytes(interim));
    sent += interim.size();
  }
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, ProxyErrc::too_long);
}

TEST(ProxyHandshake, Socks5WithoutCredentials) {
  every_split(proxy("socks5://[::1]:1080"), {"a.example", 443},
              octets({5, 0}) + octets({5, 0, 0, 1, 10, 0, 0, 1, 0x1f, 0x90}),
              octets({5, 1, 0}) + octets({5, 1, 0, 3, 9}) + "a.example" + octets({1, 0xbb}));
}

TEST(ProxyHandshake, Socks5WithCredentialsAndAnIPv6Target) {
  every_split(proxy("socks5://socks.example:1080", "me", "pw"), {"2001:db8::2", 8443},
              octets({5, 2}) + octets({1, 0}) + octets({5, 0, 0, 3, 4}) + "name" + octets({0, 1}),
              octets({5, 2, 0, 2}) + octets({1, 2}) + "me" + octets({2}) + "pw" +
                  octets({5, 1, 0, 4, 0x20, 1, 0x0d, 0xb8, 0, 0,    0,
                          0, 0, 0, 0, 0,    0, 0,    0,    2, 0x20, 0xfb}));
}

TEST(ProxyHandshake, Socks5WithAnIPv4TargetAndAnIPv6Reply) {
  every_split(
      proxy("socks5://socks.example:1080"), {"192.0.2.7", 443},
      octets({5, 0, 5, 0, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 1, 2}),
      octets({5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 7, 1, 0xbb}));
}

TEST(ProxyHandshake, EachSocksRefusalHasItsReason) {
  const std::pair<std::string, ProxyErrc> cases[] = {
      {octets({5, 0xff}), ProxyErrc::authentication},
      {octets({4, 0}), ProxyErrc::malformed},
      {octets({5, 2, 1, 1}), ProxyErrc::authentication},
      {octets({5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0}), ProxyErrc::refused},
      {octets({5, 0, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0}), ProxyErrc::refused},
      {octets({5, 0, 5, 4, 0, 1, 0, 0, 0, 0, 0, 0}), ProxyErrc::unreachable},
      {octets({5, 0, 5, 5, 0, 1, 0, 0, 0, 0, 0, 0}), ProxyErrc::unreachable},
      {octets({5, 0, 4, 0, 0, 1, 0, 0, 0, 0, 0, 0}), ProxyErrc::malformed},
      {octets({5, 0, 5, 0, 0, 9, 0, 0, 0}), ProxyErrc::malformed}};
  const auto through = proxy("socks5://socks.example:1080", "user", "hunter2");
  for (const auto& [wire, expected] : cases) {
    ProxyHandshake handshake(&through, {"api.example.com", 443});
    const auto fed = handshake.feed(as_bytes(wire));
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().code, expected) << fed.error().text();
  }
}

TEST(ProxyHandshake, AProxyThatWantsAPasswordThatWeLackIsSaidSo) {
  const auto through = proxy("socks5://socks.example:1080");
  ProxyHandshake handshake(&through, {"api.example.com", 443});
  const auto fed = handshake.feed(as_bytes(octets({5, 2})));
  ASSERT_FALSE(fed);
  EXPECT_EQ(fed.error().code, ProxyErrc::authentication);
}

TEST(ProxyHandshake, OnlyPublicLookingNamesAreAskedByName) {
  EXPECT_TRUE(may_be_asked_by_name("api.example.com"));
  for (const auto* host : {"", "localhost", "intranet", "a.localhost", "printer.local",
                           "db.internal", "nas.home.arpa", "192.0.2.1", "::1", "a b.example"}) {
    EXPECT_FALSE(may_be_asked_by_name(host)) << host;
  }
}

TEST(ProxyCredentials, OneLineUserAndPassword) {
  const auto parsed = parse_proxy_credentials("me:pass:word\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->user.expose(), "me");
  EXPECT_EQ(parsed->password.expose(), "pass:word");
  for (const auto& bad : {std::string("nocolon\n"), std::string(":pw"), std::string("a:b\nc:d\n"),
                          "a:" + std::string(256, 'x'), std::string(256, 'x') + ":a"}) {
    EXPECT_FALSE(parse_proxy_credentials(bad));
  }
}

TEST(ProxyByName, LocalNamesAreLocalInEverySpelling) {
  for (const auto* host : {"a.local", "a.LOCAL", "a.local.", "A.Internal.", "x.LocalHost"}) {
    EXPECT_FALSE(may_be_asked_by_name(host)) << host;
  }
  EXPECT_TRUE(may_be_asked_by_name("API.example.com"));
}

}  // namespace
}  // namespace agp::io
