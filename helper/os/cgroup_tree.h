#pragma once

#include "helper/core/captured_scopes.h"

#include <string>
#include <vector>

namespace agp::os {

/// cgroup2 where the service manager mounts it, alone or beside the old hierarchies.
class CgroupTree final : public core::ScopeTree {
 public:
  /// @param mounts the first that is cgroup2 is used (tests give one).
  explicit CgroupTree(std::vector<std::string> mounts = {"/sys/fs/cgroup",
                                                         "/sys/fs/cgroup/unified"})
      : mounts_(std::move(mounts)) {}

  Result<std::optional<std::uint64_t>> look(const std::string& cgroup) override;

 private:
  std::vector<std::string> mounts_;
};

/// The word behind `populated` of a file cgroup.events.
[[nodiscard]] bool is_populated(std::string_view events);

}  // namespace agp::os
