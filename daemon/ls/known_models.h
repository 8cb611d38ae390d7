#pragma once

#include "daemon/ls/models.h"

#include <vector>

namespace agp::ls {

/// Models that were seen in language servers, for while there is none to ask. Names for people
/// only: which slot stands for which of them is decided by the service and changes.
/// Source: ls-protocol section 4, the entries that several observers agree on.
[[nodiscard]] const std::vector<Model>& known_models();

}  // namespace agp::ls
