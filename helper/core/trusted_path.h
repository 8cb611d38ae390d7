#pragma once

#include "common/base/result.h"

#include <span>
#include <string>

#include <sys/types.h>

/// Whether a file of root's can have been changed by anybody else.
namespace agp::core {

/// One component of an absolute path, looked at without following links. The first is "/".
struct PathPart {
  std::string path;
  uid_t owner;
  mode_t mode;
};

/// @param parts from "/" to the file itself, every component.
/// @return an error whose context says which component and what to do.
[[nodiscard]] Result<> judge_program(std::span<const PathPart> parts);

/// The same for a configuration file: needs no execute permission.
[[nodiscard]] Result<> judge_configuration(std::span<const PathPart> parts);

/// The same for a file of a package that root is about to replace: whatever an ordinary user owns,
/// can write or can lead elsewhere is left alone.
/// @param owner  who must own every part; root but in tests.
[[nodiscard]] Result<> judge_shipped_file(std::span<const PathPart> parts, uid_t owner = 0);

}  // namespace agp::core
