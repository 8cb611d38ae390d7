#include "daemon/quota/sample.h"

#include <gtest/gtest.h>

namespace agp::quota {
namespace {

TEST(QuotaSample, EachKindHasAName) {
  for (const auto kind : {Kind::model, Kind::pool}) {
    EXPECT_EQ(kind_from(name(kind)), kind);
  }
  EXPECT_EQ(name(Kind::pool), std::string("pool"));
  EXPECT_FALSE(kind_from("bucket"));
}

}  // namespace
}  // namespace agp::quota
