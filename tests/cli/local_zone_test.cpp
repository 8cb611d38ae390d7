#include "cli/local_zone.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace agp::cli {
namespace {

class LocalZone : public ::testing::Test {
 protected:
  LocalZone() {
    (void)::unsetenv("TZ");
    std::string name = ::testing::TempDir() + "agp-cli-zone-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~LocalZone() override {
    (void)::unsetenv("TZ");
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] std::string of_link(const std::string& target) const {
    std::filesystem::remove(folder_ / "localtime");
    std::filesystem::create_symlink(target, folder_ / "localtime");
    return local_zone((folder_ / "localtime").string());
  }
  std::filesystem::path folder_;
};

TEST_F(LocalZone, IsWhatTheLinkNames) {
  EXPECT_EQ(of_link("/usr/share/zoneinfo/Asia/Kathmandu"), "Asia/Kathmandu");
  EXPECT_EQ(of_link("../usr/share/zoneinfo/Europe/Berlin"), "Europe/Berlin");
  EXPECT_EQ(of_link("/usr/share/zoneinfo/No/Such"), "UTC");
  EXPECT_EQ(of_link("/usr/share/zoneinfo/../../../etc/passwd"), "UTC");
  EXPECT_EQ(of_link("/somewhere/else"), "UTC");
  EXPECT_EQ(local_zone((folder_ / "missing").string()), "UTC");
}

TEST_F(LocalZone, IsWhatTheEnvironmentNamesFirst) {
  const auto with = [](const char* value) {
    EXPECT_EQ(::setenv("TZ", value, 1), 0);
    return local_zone();
  };
  EXPECT_EQ(with("Europe/Berlin"), "Europe/Berlin");
  EXPECT_EQ(with(":Europe/Berlin"), "Europe/Berlin");
  EXPECT_EQ(with("/usr/share/zoneinfo/Europe/Berlin"), "Europe/Berlin");
  EXPECT_EQ(with("CET-1CEST,M3.5.0,M10.5.0/3"), "UTC");
  EXPECT_EQ(with("Mars/Olympus"), "UTC");
}

}  // namespace
}  // namespace agp::cli
