#include "daemon/io/destination.h"

#include <gtest/gtest.h>

namespace agp::io {
namespace {

namespace ip = boost::asio::ip;

Result<> check(const char* address, unsigned short port = 443, DestinationRules rules = {}) {
  return check_destination({ip::make_address(address), port}, rules);
}

TEST(Destination, GlobalAddressesOnPort443MayBeDialled) {
  EXPECT_TRUE(check("142.250.74.106"));
  EXPECT_TRUE(check("2a00:1450:4001:82b::200a"));
}

// threat-model 56
// threat-model 57
TEST(Destination, OtherPortsMayNot) {
  const auto refused = check("142.250.74.106", 8741);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, DestinationErrc::wrong_port);
}

// threat-model 56
// threat-model 57
TEST(Destination, WhatIsNotGlobalMayNot) {
  for (const char* address :
       {"127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "203.0.113.10", "::1", "::", "fe80::1",
        "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"}) {
    const auto refused = check(address);
    ASSERT_FALSE(refused) << address;
    EXPECT_EQ(refused.error().code, DestinationErrc::not_global) << address;
  }
}

// threat-model 56
TEST(Destination, AllowedNetworksAreExceptionsByPrefix) {
  const DestinationRules rules{.allowed = {*config::Network::parse("203.0.113.0/25"),
                                           *config::Network::parse("2001:db8:1::/64")}};
  EXPECT_TRUE(check("203.0.113.127", 443, rules));
  EXPECT_FALSE(check("203.0.113.128", 443, rules));
  EXPECT_TRUE(check("::ffff:203.0.113.1", 443, rules));
  EXPECT_TRUE(check("2001:db8:1::10", 443, rules));
  EXPECT_FALSE(check("2001:db8:2::10", 443, rules));
  EXPECT_FALSE(check("127.0.0.1", 443, rules));
}

}  // namespace
}  // namespace agp::io
