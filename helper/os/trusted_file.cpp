#include "helper/os/trusted_file.h"

#include "helper/core/errc.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace agp::os {
namespace {

/// The names between the slashes; nothing when one is empty, "." or "..".
Result<std::vector<std::string>> names_of(const std::string& path) {
  const Error odd(core::Errc::file, "a path is not absolute and plain");
  if (path.empty() || path.front() != '/') {
    return odd;
  }
  std::vector<std::string> names;
  std::size_t at = 1;
  while (at < path.size()) {
    const auto end = std::min(path.find('/', at), path.size());
    names.push_back(path.substr(at, end - at));
    if (names.back().empty() || names.back() == "." || names.back() == "..") {
      return odd;
    }
    at = end + 1;
  }
  return names;
}

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

}  // namespace

Result<std::vector<core::PathPart>> path_parts(const std::string& path) {
  auto names = names_of(path);
  if (!names) {
    return names.error();
  }
  UniqueFd directory(::open("/", kDirectory | O_PATH));
  std::vector<core::PathPart> parts;
  struct stat seen {};
  if (!directory.is_open() || ::fstat(directory.get(), &seen) != 0) {
    return errno_error("/");
  }
  parts.push_back({"/", seen.st_uid, seen.st_mode});
  std::string prefix;
  for (std::size_t i = 0; i < names->size(); ++i) {
    const auto& name = (*names)[i];
    prefix += "/" + name;
    if (::fstatat(directory.get(), name.c_str(), &seen, AT_SYMLINK_NOFOLLOW) != 0) {
      return errno_error(prefix + (errno == ENOENT ? " does not exist" : ""));
    }
    parts.push_back({prefix, seen.st_uid, seen.st_mode});
    if (i + 1 == names->size() || !S_ISDIR(seen.st_mode)) {
      break;
    }
    directory.reset(::openat(directory.get(), name.c_str(), kDirectory | O_PATH));
    if (!directory.is_open()) {
      return errno_error(prefix);
    }
  }
  return parts;
}

Result<UniqueFd> open_directory(const std::string& path) {
  // openat2(RESOLVE_NO_SYMLINKS) would do this in one call, but RestrictSUIDSGID= makes it ENOSYS,
  // and two ways are one too many.
  auto names = names_of(path);
  if (!names) {
    return names.error();
  }
  UniqueFd directory(::open("/", kDirectory));
  for (const auto& name : *names) {
    directory.reset(::openat(directory.get(), name.c_str(), kDirectory));
    if (!directory.is_open()) {
      return errno_error("opening the directory " + path);
    }
  }
  return directory;
}

Result<std::string> read_all(int fd, std::size_t limit_bytes) {
  std::string content;
  std::array<char, 65536> block{};
  for (;;) {
    const ssize_t n = ::read(fd, block.data(), block.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return errno_error("reading");
    }
    if (n == 0) {
      return content;
    }
    content.append(block.data(), static_cast<std::size_t>(n));
    if (content.size() > limit_bytes) {
      return Error(core::Errc::file, "a file is larger than expected");
    }
  }
}

Result<> RootPrograms::check(const std::string& path) {
  auto parts = path_parts(path);
  if (!parts) {
    return Error(core::Errc::no_binary, parts.error().context);
  }
  return core::judge_program(*parts);
}

}  // namespace agp::os
