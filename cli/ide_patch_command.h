#pragma once

#include "cli/line.h"
#include "cli/output.h"
#include "cli/render.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agp::cli {

/// `ide-patch status`, `apply`, `revert` and `forget`.
[[nodiscard]] Output run_ide_patch(const Line& line, Daemon& daemon, const Style& style);

/// Whether a file in this state needs somebody to do something.
[[nodiscard]] bool is_troubled_extension(std::string_view state);

/// A file where an update of the IDE undid the patch.
struct UndonePatch {
  std::string path;
  std::string detail;
};
/// Empty when there is none; nothing when it could not be told.
[[nodiscard]] std::optional<std::vector<UndonePatch>> undone_patches(Daemon& daemon);

/// For `status`: as text for people, and as the member "ide_patch" of the document, whose "undone"
/// is null when it could not be told.
[[nodiscard]] std::string undone_patches_text(const std::optional<std::vector<UndonePatch>>& undone,
                                              const Style& style);
[[nodiscard]] std::string with_undone_patches(
    const std::string& document, const std::optional<std::vector<UndonePatch>>& undone);

}  // namespace agp::cli
