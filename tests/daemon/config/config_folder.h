#pragma once

#include "daemon/config/config.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

namespace agp::daemon_config {

/// A folder of configuration files.
class ConfigFolder : public ::testing::Test {
 protected:
  ConfigFolder() {
    std::string name = ::testing::TempDir() + "agp-daemon-config-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  ~ConfigFolder() override { std::filesystem::remove_all(directory_); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(directory_ / name).parent_path());
    std::ofstream(directory_ / name) << text;
  }
  [[nodiscard]] config::Checked<Config> read() const {
    Files files;
    files.proxy_file = directory_ / "proxy.yaml";
    files.corp_owner = corp_owner_;
    return load(files);
  }
  /// The faults, file names without the directory.
  [[nodiscard]] std::string faults() const {
    const auto result = read();
    if (result) {
      return {};
    }
    std::string text = result.error().text();
    const std::string prefix = directory_.string() + '/';
    for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
      text.erase(at, prefix.size());
    }
    return text;
  }

  std::filesystem::path directory_;
  std::uint32_t corp_owner_ = ::geteuid();
};

}  // namespace agp::daemon_config
