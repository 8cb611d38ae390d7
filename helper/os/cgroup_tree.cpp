#include "helper/os/cgroup_tree.h"

#include "common/base/unique_fd.h"
#include "helper/core/errc.h"
#include "helper/os/trusted_file.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

namespace agp::os {
namespace {

constexpr std::size_t kMaxEventsBytes = 4096;

UniqueFd open_root(const std::vector<std::string>& mounts) {
  for (const auto& path : mounts) {
    UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct statfs seen {};
    if (directory.is_open() && ::fstatfs(directory.get(), &seen) == 0 &&
        seen.f_type == CGROUP2_SUPER_MAGIC) {
      return directory;
    }
  }
  return UniqueFd();
}

}  // namespace

bool is_populated(std::string_view events) {
  constexpr std::string_view kWord = "populated 1";
  const auto at = events.find(kWord);
  return at != std::string_view::npos && (at == 0 || events[at - 1] == '\n');
}

Result<std::optional<std::uint64_t>> CgroupTree::look(const std::string& cgroup) {
  using Found = std::optional<std::uint64_t>;
  const UniqueFd root = open_root(mounts_);
  if (!root.is_open()) {
    return Error(core::Errc::unit,
                 "this machine has no cgroup2: boot with systemd.unified_cgroup_hierarchy=1");
  }
  // There are no links in cgroup2, and the names are ours.
  const UniqueFd directory(
      ::openat(root.get(), cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat seen {};
  if (!directory.is_open() || ::fstat(directory.get(), &seen) != 0) {
    return Found();
  }
  const UniqueFd file(::openat(directory.get(), "cgroup.events", O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    return Found();  // it was removed in between
  }
  auto events = read_all(file.get(), kMaxEventsBytes);
  if (!events || !is_populated(*events)) {
    return Found();
  }
  return Found(seen.st_ino);
}

}  // namespace agp::os
