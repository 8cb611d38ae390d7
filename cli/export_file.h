#pragma once

#include "cli/daemon_client.h"
#include "common/base/unique_fd.h"

#include <optional>
#include <string>

namespace agp::cli {

/// Where an export goes. A regular file is replaced only when the export is whole: until then it is
/// written under another name in the same folder, and removed when it does not get there.
class ExportFile {
 public:
  static Answer<ExportFile> standard_output();
  static Answer<ExportFile> open(const std::string& path);
  ExportFile(ExportFile&& other) noexcept;
  ExportFile& operator=(ExportFile&&) = delete;
  ExportFile(const ExportFile&) = delete;
  ExportFile& operator=(const ExportFile&) = delete;
  ~ExportFile();

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_standard_output() const { return is_standard_output_; }

  /// Everything was written.
  [[nodiscard]] std::optional<Failure> finish();

 private:
  ExportFile() = default;

  UniqueFd fd_;
  std::string path_;
  std::string draft_;  // empty: written in place
  bool is_standard_output_ = false;
};

}  // namespace agp::cli
