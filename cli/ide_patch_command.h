#pragma once

#include "cli/command.h"
#include "cli/render.h"

#include <string>
#include <string_view>
#include <vector>

namespace agp::cli {

/// `ide-patch status`, `apply`, `revert` and `forget`.
[[nodiscard]] Output run_ide_patch(const std::vector<std::string>& words, Daemon& daemon);

/// Whether a file in this state needs somebody to do something.
[[nodiscard]] bool is_troubled_extension(std::string_view state);

/// For `status`: each file where an update of the IDE undid the patch, as a problem with its
/// remedy. Empty when there is none.
[[nodiscard]] std::string undone_patches(Daemon& daemon, const Style& style);

}  // namespace agp::cli
