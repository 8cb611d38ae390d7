#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include <stdlib.h>

namespace agp::ls {

/// A directory of its own for one test, gone with it.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "agp-ls-XXXXXX").string();
    path_ = ::mkdtemp(name.data()) == nullptr ? std::string("/nonexistent") : name;
  }
  ~TempDir() {
    std::error_code ignored;  // left-over files in a temporary directory harm no test
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace agp::ls
