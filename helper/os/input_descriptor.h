#pragma once

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace agp::os {

/// What a caller may hand over as standard input of a language server: the reading end of a pipe,
/// or a memfd with all seals and at most 64 KiB, which is rewound. Everything else is closed and
/// refused.
[[nodiscard]] Result<UniqueFd> check_input(UniqueFd input);

/// What a caller may hand over for a language server to write its log to: the writing end of a
/// pipe. Everything else is closed and refused.
[[nodiscard]] Result<UniqueFd> check_log(UniqueFd log);

}  // namespace agp::os
