#pragma once

#include "common/config/values.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

namespace agp::tls {

class StateDirectory {
 public:
  StateDirectory() {
    std::string name = ::testing::TempDir() + "agp-tls-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;
  ~StateDirectory() { std::filesystem::remove_all(path_); }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::vector<config::HostPattern> patterns(const std::vector<std::string>& texts) {
  std::vector<config::HostPattern> out;
  for (const auto& text : texts) {
    out.push_back(*config::HostPattern::parse(text));
  }
  return out;
}

}  // namespace agp::tls
