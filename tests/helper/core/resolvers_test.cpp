#include "helper/core/resolvers.h"

#include <gtest/gtest.h>

namespace agp::core {
namespace {

using Addresses = std::vector<std::string>;

TEST(Resolvers, AreTheNameServersOutsideThisMachine) {
  EXPECT_EQ(resolvers_of("# made by hand\nsearch example\nnameserver 192.0.2.53\n"
                         "nameserver\t2001:DB8:0::53  # home\n nameserver 127.0.0.53\n"),
            (Addresses{"192.0.2.53", "2001:db8::53"}));
  EXPECT_EQ(resolvers_of("nameserver 127.0.0.53\nnameserver ::1\n"), Addresses());
  EXPECT_EQ(resolvers_of(""), Addresses());
}

TEST(Resolvers, AreAsManyAsTheLibraryAsks) {
  EXPECT_EQ(resolvers_of("nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 127.0.0.1\n"
                         "nameserver 192.0.2.4\n"),
            (Addresses{"192.0.2.1", "192.0.2.2"}));
}

TEST(Resolvers, WhatIsNoAddressIsLeftOut) {
  for (const char* text :
       {"nameserver", "nameserver ", "nameserver 192.0.2", "nameserver 192.0.2.1/24\n",
        "nameserver 192.0.2.1 -j ACCEPT\nnameserver \"-j\"", "nameserver fe80::1%eth0\n",
        "\n\n\r"}) {
    for (const auto& address : resolvers_of(text)) {
      EXPECT_EQ(address, "192.0.2.1") << text;
    }
  }
}

}  // namespace
}  // namespace agp::core
