#include "daemon/metrics/bounded_names.h"

#include <gtest/gtest.h>

namespace agp::metrics {
namespace {

TEST(BoundedNames, TheFirstOnesKeepTheirNames) {
  BoundedNames names(2);
  EXPECT_EQ(names.admit("a"), "a");
  EXPECT_EQ(names.admit("b"), "b");
  EXPECT_EQ(names.admit("c"), kOther);
  EXPECT_EQ(names.admit("a"), "a");
  EXPECT_EQ(names.admit("c"), kOther) << "asking twice makes no room";
}

TEST(BoundedNames, CanBeginAnew) {
  BoundedNames names(1);
  (void)names.admit("a");
  names.clear();
  EXPECT_EQ(names.admit("b"), "b");
}

}  // namespace
}  // namespace agp::metrics
