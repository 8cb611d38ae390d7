#include "helper/core/trusted_path.h"

#include "helper/core/errc.h"

#include <sys/stat.h>

namespace agp::core {
namespace {

Error not_safe(Errc code, const PathPart& part, const char* why) {
  return {code, part.path + " " + why};
}

Result<> judge(std::span<const PathPart> parts, Errc code) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& part = parts[i];
    const bool is_last = i + 1 == parts.size();
    if (S_ISLNK(part.mode)) {
      return not_safe(code, part, "is a symbolic link: name the real path instead");
    }
    if (is_last ? !S_ISREG(part.mode) : !S_ISDIR(part.mode)) {
      return not_safe(code, part, is_last ? "is not a regular file" : "is not a directory");
    }
    if (part.owner != 0) {
      return not_safe(code, part, "does not belong to root: chown root it");
    }
    if ((part.mode & (S_IWGRP | S_IWOTH)) != 0) {
      return not_safe(code, part, "can be written by others than root: chmod go-w it");
    }
  }
  return {};
}

}  // namespace

Result<> judge_program(std::span<const PathPart> parts) {
  if (auto safe = judge(parts, Errc::no_binary); !safe) {
    return safe;
  }
  if (!parts.empty() && (parts.back().mode & S_IXOTH) == 0) {
    return not_safe(Errc::no_binary, parts.back(), "is not executable for all: chmod +x it");
  }
  return {};
}

Result<> judge_configuration(std::span<const PathPart> parts) {
  return judge(parts, Errc::configuration);
}

Result<> judge_shipped_file(std::span<const PathPart> parts, uid_t owner) {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& part = parts[i];
    const bool is_last = i + 1 == parts.size();
    if (S_ISLNK(part.mode)) {
      return not_safe(Errc::file, part, "is a symbolic link: name the real path in helper.yaml");
    }
    if (is_last ? !S_ISREG(part.mode) : !S_ISDIR(part.mode)) {
      return not_safe(Errc::file, part, is_last ? "is not a regular file" : "is not a directory");
    }
    if (part.owner != owner) {
      return not_safe(Errc::file, part,
                      "does not belong to root: root changes only what a package installed, and no "
                      "files of users");
    }
    if ((part.mode & (S_IWGRP | S_IWOTH)) != 0) {
      return not_safe(Errc::file, part, "can be written by others than root: chmod go-w it");
    }
    if (is_last && (part.mode & (S_ISUID | S_ISGID)) != 0) {
      return not_safe(Errc::file, part, "is set-user-ID or set-group-ID");
    }
  }
  return {};
}

}  // namespace agp::core
