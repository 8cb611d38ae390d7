#include "cli/run_host.h"

#include "helper/core/arguments.h"

#include <string>

#include <gtest/gtest.h>

namespace agp::cli {
namespace {

const std::string kUnit = "antigravity-run-0123.scope";

TEST(RunHost, KnowsItsUnitInCgroup2Alone) {
  EXPECT_TRUE(is_in_unit("0::/user.slice/app.slice/" + kUnit + "\n", kUnit));
  EXPECT_TRUE(is_in_unit("1:name=systemd:/x\n0::/a/" + kUnit, kUnit));
  EXPECT_FALSE(is_in_unit("1:name=systemd:/a/" + kUnit + "\n0::/\n", kUnit));
  EXPECT_FALSE(is_in_unit("0::/a/" + kUnit + "/below\n", kUnit));
  EXPECT_FALSE(is_in_unit("0::/a/x" + kUnit + "\n", kUnit));
  EXPECT_FALSE(is_in_unit("10::/a/" + kUnit + "\n", kUnit));
  EXPECT_FALSE(is_in_unit("", kUnit));
  EXPECT_FALSE(is_in_unit("\n\n", kUnit));
}

TEST(RunHost, IdsAreWhatTheHelperTakesAndNeverTheSame) {
  SystemRunHost host;
  const auto first = host.fresh_id();
  EXPECT_TRUE(agp::core::validate_id(first)) << first;
  EXPECT_NE(first, host.fresh_id());
}

}  // namespace
}  // namespace agp::cli
