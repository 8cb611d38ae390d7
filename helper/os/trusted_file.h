#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "helper/core/ports.h"
#include "helper/core/trusted_path.h"

#include <string>
#include <string_view>
#include <vector>

namespace agp::os {

/// Every component of an absolute path, from "/" on, none followed if it is a link.
/// @return Errc::file when the path is not absolute and plain; else why a component could not be
/// looked at: errc::no_such_file_or_directory when it is missing.
[[nodiscard]] Result<std::vector<core::PathPart>> path_parts(const std::string& path);

/// Opens a directory without following a link in any component.
[[nodiscard]] Result<UniqueFd> open_directory(const std::string& path);

/// Whole content of an open regular file.
[[nodiscard]] Result<std::string> read_all(int fd, std::size_t limit_bytes);

/// Programs that only root can have changed.
class RootPrograms final : public core::Programs {
 public:
  Result<> check(const std::string& path) override;
};

}  // namespace agp::os
