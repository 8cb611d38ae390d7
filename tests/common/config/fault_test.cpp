#include "common/config/fault.h"

#include <gtest/gtest.h>

namespace agp::config {
namespace {

TEST(Fault, TextIsFileLineColumnKeyAndMessage) {
  const Fault fault{{"proxy.yaml", 3, 17}, "max_body", "expected a size such as 64KiB"};
  EXPECT_EQ(fault.text(), "proxy.yaml:3:17: max_body: expected a size such as 64KiB");
}

TEST(Fault, OfAWholeFileHasNoPosition) {
  const Fault fault{{"proxy.yaml", 0, 0}, {}, "is larger than 1 MiB"};
  EXPECT_EQ(fault.text(), "proxy.yaml: is larger than 1 MiB");
}

TEST(Faults, TextHasOneLineForEach) {
  Faults faults;
  faults.append(Faults{{Fault{{"a", 1, 1}, {}, "x"}, Fault{{"b", 2, 2}, "k", "y"}}});
  EXPECT_EQ(faults.text(), "a:1:1: x\nb:2:2: k: y\n");
}

TEST(InQuotes, EscapesControlCharactersAndShortens) {
  EXPECT_EQ(in_quotes("a\nb\x1b"), "\"a\\x0ab\\x1b\"");
  EXPECT_EQ(in_quotes(std::string(61, 'x')), '"' + std::string(60, 'x') + "\"...");
}

TEST(Checked, HoldsEitherTheValueOrAllFaults) {
  const Checked<int> good = 3;
  EXPECT_EQ(*good, 3);
  const Checked<int> bad = Faults{{Fault{{"a", 1, 1}, {}, "x"}}};
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().list.size(), 1U);
}

}  // namespace
}  // namespace agp::config
