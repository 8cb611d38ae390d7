#pragma once

#include "cli/daemon_client.h"
#include "helper/core/extension_patch.h"

#include <string>

/// ide-patch as the command sees it: looking needs no privilege, changing is the helper's.
namespace agp::cli {

/// The document antigravity-proxy.ide-patch.v1.
[[nodiscard]] std::string ide_patch_document(const agp::core::ExtensionOutcome& outcome);

/// What the helper would say, by the code it uses itself.
/// @param config  helper.yaml.
[[nodiscard]] Answer<std::string> ide_patch_status(const std::string& config);

enum class IdePatchChange { apply, revert, forget };

/// Asks the helper on the system bus, blocking.
[[nodiscard]] Answer<std::string> change_ide_patch(IdePatchChange change);

}  // namespace agp::cli
