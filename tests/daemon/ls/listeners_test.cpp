#include "daemon/ls/listeners.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::ls {
namespace {

std::string row(const std::string& local, const std::string& state, int uid) {
  return "   0: " + local + " 00000000:0000 " + state + " 00000000:00000000 00:00000000 00000000 " +
         std::to_string(uid) + "        0 12345 1 0\n";
}

const std::string kHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n";

TEST(Listens, FindsLoopbackAndAnyAddressOfBothFamilies) {
  for (const char* address :
       {"0100007F", "00000000", "00000000000000000000000001000000",
        "00000000000000000000000000000000", "0000000000000000FFFF00000100007F"}) {
    EXPECT_TRUE(listens(kHead + row(std::string(address) + ":8C93", "0A", 1000), 35987, 1000))
        << address;
  }
}

TEST(Listens, WantsStatePortUserAndALocalAddress) {
  EXPECT_FALSE(listens(kHead + row("0100007F:8C93", "01", 1000), 35987, 1000));
  EXPECT_FALSE(listens(kHead + row("0100007F:8C93", "0A", 1001), 35987, 1000));
  EXPECT_FALSE(listens(kHead + row("0100007F:8C94", "0A", 1000), 35987, 1000));
  EXPECT_FALSE(listens(kHead + row("0100A8C0:8C93", "0A", 1000), 35987, 1000));
  EXPECT_FALSE(listens("", 35987, 1000));
}

TEST(Listens, SurvivesATableCutAnywhere) {
  const std::string table = kHead + row("0100007F:8C93", "0A", 1000);
  for (std::size_t cut = 0; cut < table.size(); ++cut) {
    (void)listens(std::string_view(table).substr(0, cut), 35987, 1000);
  }
}

}  // namespace
}  // namespace agp::ls
