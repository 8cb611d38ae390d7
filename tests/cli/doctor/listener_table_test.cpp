#include "cli/doctor/listener_table.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace agp::cli::doctor {
namespace {

constexpr std::array<std::uint16_t, 2> kPorts{8741, 8742};

// As the kernel prints it: 127.0.0.1:8741 listens, a connection to it does not, nor does port 22.
TEST(ListenerTable, FindsWhoListensOnAPortThatIsAskedAbout) {
  const std::string table =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:2225 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 "
      "4711 1 0000000000000000 100 0 0 10 0\n"
      "   1: 0100007F:2225 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000  1000        0 "
      "4712 1 0000000000000000 20 4 30 10 -1\n"
      "   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "4713 1 0000000000000000 100 0 0 10 0\n";
  const auto found = listening_sockets(table, kPorts);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].listener.address, "127.0.0.1:8741");
  EXPECT_EQ(found[0].listener.port, 8741);
  EXPECT_EQ(found[0].listener.uid, 33U);
  EXPECT_EQ(found[0].inode, 4711U);
}

TEST(ListenerTable, ReadsAddressesOfIpv6) {
  const auto found = listening_sockets(
      "   0: 00000000000000000000000001000000:2226 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000  1000        0 99 1 0000000000000000 100 0 0 10 0\n",
      kPorts);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].listener.address, "[::1]:8742");
}

TEST(ListenerTable, WhatIsNotUnderstoodIsNoListener) {
  for (const char* line :
       {"", "0:", "0: x:2225 x 0A x x x 1 0 1", "0: 0100007F:2225 x 0A x x x y 0 1"}) {
    EXPECT_TRUE(listening_sockets(line, kPorts).empty()) << line;
  }
}

}  // namespace
}  // namespace agp::cli::doctor
