#pragma once

#include "common/base/result.h"

#include <string>

namespace agp::core {

/// What a caller is told about an error: texts of ours, which say what is wrong and what helps.
/// Never a path, a text of the system or of another program, or anything a caller or a file said;
/// those are in the journal, and for those who may in the answer of Status.
[[nodiscard]] std::string public_text(const Error& error);

}  // namespace agp::core
