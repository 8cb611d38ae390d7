#include "helper/core/release.h"

#include <gtest/gtest.h>

namespace agp::core {
namespace {

TEST(Release, TheServiceReleasesOnlyWhenItIsStopped) {
  EXPECT_TRUE(releases_after_service({"stop", false}));
  // A crash: systemd has no job yet and will start the daemon again.
  EXPECT_FALSE(releases_after_service({"", false}));
  for (const char* job : {"restart", "try-restart", "start"}) {
    EXPECT_FALSE(releases_after_service({job, false})) << job;
  }
}

TEST(Release, TheCaptureUnitReleasesWhenNoDaemonIsThereToDoIt) {
  EXPECT_TRUE(releases_with_capture({"stop", false}));
  EXPECT_FALSE(releases_with_capture({"stop", true}));
  EXPECT_FALSE(releases_with_capture({"restart", false}));
  EXPECT_FALSE(releases_with_capture({"try-restart", false}));
}

}  // namespace
}  // namespace agp::core
