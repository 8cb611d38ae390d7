#include "cli/doctor/configuration_source.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace agp::cli::doctor {
namespace {

namespace fs = std::filesystem;

class ConfigurationSource : public ::testing::Test {
 protected:
  ConfigurationSource() { folder_ = ::mkdtemp(folder_.data()); }
  ~ConfigurationSource() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
  }
  std::string folder_ = "/tmp/agp-doctor-config-XXXXXX";
};

TEST_F(ConfigurationSource, WithoutFilesTheDefaultsHold) {
  const auto seen = read_configuration(folder_);
  EXPECT_TRUE(seen.faults.empty());
  EXPECT_TRUE(seen.is_captured);
  EXPECT_TRUE(seen.inspected_host.ends_with("cloudcode-pa.googleapis.com")) << seen.inspected_host;
  EXPECT_FALSE(seen.helper_fault);
  EXPECT_FALSE(seen.binaries.empty());
}

TEST_F(ConfigurationSource, EveryFaultHasItsPlace) {
  write("proxy.yaml", "capture:\n  mode: sometimes\n");
  const auto seen = read_configuration(folder_);
  ASSERT_EQ(seen.faults.size(), 1U);
  EXPECT_NE(seen.faults[0].find("proxy.yaml:2:9"), std::string::npos) << seen.faults[0];
}

TEST_F(ConfigurationSource, AHostThatThePolicyPassesOnIsNotTried) {
  write("proxy.yaml", "capture:\n  inspect: [a.example, \"*.b.example\", c.example]\n");
  write("policy.yaml", "hosts:\n  - match: a.example\n    action: tunnel\n");
  EXPECT_EQ(read_configuration(folder_).inspected_host, "c.example");
}

TEST_F(ConfigurationSource, TheProxyOfUpstreamIsTried) {
  write("proxy.yaml", "upstream:\n  proxy: socks5://proxy.example:1080\n");
  const auto seen = read_configuration(folder_);
  EXPECT_EQ(seen.proxy_host, "proxy.example");
  EXPECT_EQ(seen.proxy_port, 1080);
}

}  // namespace
}  // namespace agp::cli::doctor
