#include "daemon/config/capture_endpoints.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace agp::daemon_config {
namespace {

class CaptureEndpoints : public ::testing::Test {
 protected:
  CaptureEndpoints() {
    std::string name = ::testing::TempDir() + "agp-capture-endpoints-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  ~CaptureEndpoints() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] config::Checked<Config> read(const std::string& text) const {
    std::ofstream(directory_ / "proxy.yaml") << text;
    Files files;
    files.proxy_file = directory_ / "proxy.yaml";
    return load(files);
  }
  [[nodiscard]] std::string faults(const std::string& text) const {
    const auto result = read(text);
    return result ? std::string() : result.error().text();
  }

  std::filesystem::path directory_;
};

TEST_F(CaptureEndpoints, NoneByDefault) {
  const auto config = read("{}\n");
  ASSERT_TRUE(config);
  EXPECT_TRUE(config->capture_connect.empty());
  EXPECT_TRUE(config->capture_reverse.empty());
}

TEST_F(CaptureEndpoints, LoopbackPortsAreTaken) {
  const auto config = read(
      "capture:\n"
      "  connect: [\"127.0.0.1:8745\", \"[::1]:8745\"]\n"
      "  reverse:\n"
      "    - {listen: \"127.0.0.1:8746\", upstream: \"https://API.openai.com/\"}\n"
      "    - {listen: \"127.0.0.1:8747\", upstream: \"https://api.anthropic.com:8443\"}\n");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->capture_connect.size(), 2U);
  ASSERT_EQ(config->capture_reverse.size(), 2U);
  EXPECT_EQ(config->capture_reverse[0].listen.port, 8746);
  EXPECT_EQ(config->capture_reverse[0].host, "api.openai.com");
  EXPECT_EQ(config->capture_reverse[0].port, 443);
  EXPECT_EQ(config->capture_reverse[1].port, 8443);
}

// threat-model 75
TEST_F(CaptureEndpoints, OtherAddressesAreRefusedWithTheReason) {
  EXPECT_NE(faults("capture: {connect: [\"0.0.0.0:8745\"]}\n").find("loopback"), std::string::npos);
  EXPECT_NE(faults("capture: {reverse: [{listen: \"192.0.2.1:1\", upstream: "
                   "\"https://api.openai.com\"}]}\n")
                .find("loopback"),
            std::string::npos);
}

TEST_F(CaptureEndpoints, OnePortStandsForOneThing) {
  EXPECT_NE(faults("capture: {connect: [\"127.0.0.1:8745\"], reverse: [{listen: "
                   "\"127.0.0.1:8745\", upstream: \"https://api.openai.com\"}]}\n")
                .find("another key"),
            std::string::npos);
}

TEST_F(CaptureEndpoints, OnlyInspectedHostsCanBeMeant) {
  EXPECT_NE(faults("capture: {reverse: [{listen: \"127.0.0.1:8745\", upstream: "
                   "\"https://accounts.google.com\"}]}\n")
                .find("accounts.google.com is not inspected"),
            std::string::npos);
}

TEST_F(CaptureEndpoints, UpstreamIsHttpsWithoutAPath) {
  for (const auto* upstream :
       {"http://api.openai.com", "api.openai.com", "https://api.openai.com/v1",
        "https://api.openai.com:0", "https://192.0.2.1"}) {
    EXPECT_NE(faults("capture: {reverse: [{listen: \"127.0.0.1:8745\", upstream: \"" +
                     std::string(upstream) + "\"}]}\n")
                  .find("expected https://"),
              std::string::npos)
        << upstream;
  }
}

}  // namespace
}  // namespace agp::daemon_config
