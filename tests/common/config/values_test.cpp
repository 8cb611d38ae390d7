#include "common/config/values.h"

#include <gtest/gtest.h>

namespace agp::config {
namespace {

using namespace std::chrono_literals;

bool matches(std::string_view pattern, std::string_view host) {
  const auto parsed = HostPattern::parse(pattern);
  EXPECT_TRUE(parsed.has_value()) << pattern;
  return parsed && parsed->matches(host);
}

TEST(HostPattern, ExactNamesMatchThemselvesOnly) {
  EXPECT_TRUE(matches("API.Example.com.", "api.example.com"));
  EXPECT_FALSE(matches("api.example.com", "xapi.example.com"));
  EXPECT_FALSE(matches("api.example.com", "api.example.com.evil.test"));
}

TEST(HostPattern, AWholeLabelStarCrossesDotsButNeedsSomething) {
  EXPECT_TRUE(matches("*.example.com", "a.example.com"));
  EXPECT_TRUE(matches("*.example.com", "a.b.example.com"));
  EXPECT_FALSE(matches("*.example.com", "example.com"));
  EXPECT_FALSE(matches("*.example.com", ".example.com"));
  EXPECT_FALSE(matches("*.example.com", "badexample.com"));
}

TEST(HostPattern, AStarInsideALabelStaysInIt) {
  EXPECT_TRUE(matches("*-aiplatform.googleapis.com", "europe-west1-aiplatform.googleapis.com"));
  EXPECT_FALSE(matches("*-aiplatform.googleapis.com", "aiplatform.googleapis.com"));
  EXPECT_FALSE(matches("*-aiplatform.googleapis.com", "-aiplatform.googleapis.com"));
  EXPECT_FALSE(matches("*-aiplatform.googleapis.com", "a.b-aiplatform.googleapis.com"));
  EXPECT_TRUE(matches("a*z.example.com", "abcz.example.com"));
  EXPECT_FALSE(matches("a*a.example.com", "a.example.com"));
}

TEST(HostPattern, AStarAtTheEndMatchesAnyDomain) {
  EXPECT_TRUE(matches("autopush-*", "autopush-cloudcode-pa.sandbox.googleapis.com"));
  EXPECT_FALSE(matches("autopush-*", "autopush-"));
}

TEST(HostPattern, RefusesNonsense) {
  for (const auto* text :
       {"", "*", ".", "a..b", "-a.com", "a-.com", "a b.com", "*.*.com", "a.*.com", "10.0.0.1",
        "::1", "[::1]", "a/b", "ex\xc3\xa4mple.com", "a:443", "**.a"}) {
    EXPECT_FALSE(HostPattern::parse(text)) << text;
  }
  EXPECT_FALSE(HostPattern::parse(std::string(64, 'a') + ".com"));
  EXPECT_TRUE(HostPattern::parse(std::string(63, 'a') + ".com"));
}

TEST(HostPattern, DomainIsWhatFollowsTheStarsLabel) {
  EXPECT_EQ(HostPattern::parse("*-aiplatform.googleapis.com")->domain(), "googleapis.com");
  EXPECT_EQ(HostPattern::parse("*.example.com")->domain(), "example.com");
  EXPECT_EQ(HostPattern::parse("api.example.com")->domain(), "api.example.com");
  EXPECT_EQ(HostPattern::parse("autopush-*")->domain(), "");
}

TEST(HostName, IsLowerCasedAndLosesOneTrailingDot) {
  EXPECT_EQ(normal_host_name("API.Example.COM."), "api.example.com");
  EXPECT_EQ(normal_host_name("localhost"), "localhost");
  EXPECT_FALSE(normal_host_name("a.."));
  EXPECT_FALSE(normal_host_name("127.0.0.1"));
  EXPECT_FALSE(normal_host_name("*.a.com"));
  EXPECT_FALSE(normal_host_name(std::string_view("a\0b", 3)));
  EXPECT_FALSE(normal_host_name(std::string(250, 'a') + ".com"));
}

TEST(Network, ContainsItsAddressesAndTheirMappedForm) {
  const auto ten = Network::parse("10.0.0.0/8");
  ASSERT_TRUE(ten);
  const std::array<std::uint8_t, 4> in = {10, 1, 2, 3};
  const std::array<std::uint8_t, 4> out = {11, 1, 2, 3};
  const std::array<std::uint8_t, 16> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 9, 9, 9};
  EXPECT_TRUE(ten->contains(in.data(), in.size()));
  EXPECT_FALSE(ten->contains(out.data(), out.size()));
  EXPECT_TRUE(ten->contains(mapped.data(), mapped.size()));
  const auto odd = Network::parse("172.16.0.0/12");
  const std::array<std::uint8_t, 4> last = {172, 31, 255, 255};
  const std::array<std::uint8_t, 4> after = {172, 32, 0, 0};
  EXPECT_TRUE(odd->contains(last.data(), 4));
  EXPECT_FALSE(odd->contains(after.data(), 4));
}

TEST(Network, ReadsBothFamiliesAndSingleAddresses) {
  EXPECT_EQ(Network::parse("fd00::/8")->text(), "fd00::/8");
  EXPECT_EQ(Network::parse("192.0.2.1")->text(), "192.0.2.1/32");
  EXPECT_EQ(Network::parse("::1")->text(), "::1/128");
  EXPECT_EQ(Network::parse("0.0.0.0/0")->text(), "0.0.0.0/0");
  for (const auto* text : {"", "10.0.0.1/8", "10.0.0.0/33", "10/8", "fd00::/129", "10.0.0.0/",
                           "10.0.0.0/-1", "10.0.0.0/8x", "host/8"}) {
    EXPECT_FALSE(Network::parse(text)) << text;
  }
}

TEST(Endpoint, IsANumericAddressAndAPort) {
  EXPECT_EQ(Endpoint::parse("127.0.0.1:8741"), (Endpoint{"127.0.0.1", 8741}));
  EXPECT_EQ(Endpoint::parse("[::1]:0"), (Endpoint{"::1", 0}));
  EXPECT_EQ(Endpoint::parse("[::1]:80")->text(), "[::1]:80");
  for (const auto* text : {"", "127.0.0.1", ":80", "::1:80", "localhost:80", "127.0.0.1:65536",
                           "[127.0.0.1]:80", "127.0.0.1:", "127.0.0.1:-1"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(ProxyUrl, TakesHttpAndSocks5WithoutCredentials) {
  EXPECT_EQ(ProxyUrl::parse("http://proxy.example:3128"),
            (ProxyUrl{ProxyUrl::Scheme::http, "proxy.example", 3128}));
  EXPECT_EQ(ProxyUrl::parse("socks5://[::1]:1080/"),
            (ProxyUrl{ProxyUrl::Scheme::socks5, "::1", 1080}));
  for (const auto* text : {"", "proxy:80", "https://p:1", "http://u:p@p:1", "http://p",
                           "http://p:0", "http://p:1/x", "http://p:1?x", "http:///"}) {
    EXPECT_FALSE(ProxyUrl::parse(text)) << text;
  }
}

TEST(HttpUrl, TakesHttpsAndThisMachine) {
  EXPECT_EQ(HttpUrl::parse("https://otlp.example/v1/metrics?key=x"),
            (HttpUrl{true, "otlp.example", 443, "/v1/metrics?key=x"}));
  EXPECT_EQ(HttpUrl::parse("http://localhost/"), (HttpUrl{false, "localhost", 80, "/"}));
  EXPECT_EQ(HttpUrl::parse("http://[::1]:4318/x"), (HttpUrl{false, "::1", 4318, "/x"}));
  EXPECT_EQ(HttpUrl::parse("https://[::1]/x")->origin(), "https://[::1]:443");
  EXPECT_EQ(HttpUrl::parse("http://127.0.0.2:4318/x")->authority(), "127.0.0.2:4318");
  for (const auto* text :
       {"", "https://", "https://h", "https://h:0/", "https://h:/", "https://u:p@h/", "ftp://h/",
        "https:///x", "https://h/ x", "https://h/x#y", "https://h/\r\nX: y", "https://::1/x",
        "http://192.0.2.1/x", "http://h/x", "http://127.example/x", "http://[2001:db8::1]/x",
        "http://127.0.0.1.example/x"}) {
    EXPECT_FALSE(HttpUrl::parse(text)) << text;
  }
}

TEST(Size, NeedsDigitsAndAKnownUnit) {
  EXPECT_EQ(parse_size("512"), 512U);
  EXPECT_EQ(parse_size("64KiB"), 65'536U);
  EXPECT_EQ(parse_size("2GiB"), 2ULL << 30U);
  for (const auto* text : {"", "lots", "KiB", "1KB", "1 MiB", "-1", "1.5MiB", "0x10",
                           "18446744073709551616", "99999999999999999GiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Duration, NeedsAUnit) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("2h"), 2h);
  EXPECT_EQ(parse_duration("30d"), 24h * 30);
  for (const auto* text : {"", "10", "s", "-1s", "1.5s", "1w", "99999999999999d", "10 s"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Texts, OfSizesAndDurationsParseBack) {
  EXPECT_EQ(size_text(65'536), "64KiB");
  EXPECT_EQ(size_text(1'000), "1000");
  EXPECT_EQ(size_text(0), "0");
  EXPECT_EQ(duration_text(10s), "10s");
  EXPECT_EQ(duration_text(90s), "90s");
  EXPECT_EQ(duration_text(24h), "1d");
  EXPECT_EQ(duration_text(0s), "0s");
}

TEST(Path, IsAbsoluteAndWithoutDots) {
  EXPECT_TRUE(is_absolute_path("/etc/ssl/x..pem"));
  for (const auto text :
       {std::string_view(""), std::string_view("etc"), std::string_view("/a/../b"),
        std::string_view("/a/."), std::string_view("/a\0b", 4)}) {
    EXPECT_FALSE(is_absolute_path(text)) << text;
  }
}

TEST(Boolean, TakesTheSixWords) {
  EXPECT_EQ(parse_boolean("yes"), true);
  EXPECT_EQ(parse_boolean("off"), false);
  EXPECT_FALSE(parse_boolean("1"));
  EXPECT_FALSE(parse_boolean("True"));
}

}  // namespace
}  // namespace agp::config
