#pragma once

#include "common/base/result.h"
#include "common/base/secret.h"

#include <cstddef>
#include <string>

namespace agp::app {

/// A file with credentials, whole: a regular one that not everybody can read.
/// @param key   of the configuration, for the error.
/// @param most  octets; a longer one is refused, not cut.
/// @return the errno, permission_denied or file_too_large, with key and file.
[[nodiscard]] Result<Secret<std::string>> read_secret_file(const std::string& key,
                                                           const std::string& file,
                                                           std::size_t most);

}  // namespace agp::app
