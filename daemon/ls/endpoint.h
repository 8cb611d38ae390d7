#pragma once

#include "common/base/secret.h"

#include <cstdint>
#include <string>

namespace agp::ls {

/// Where one language server listens and how to be let in. Immutable once published.
struct Endpoint {
  std::string instance;  // the helper's id
  std::uint16_t port = 0;
  Secret<std::string> csrf_token;
  std::string certificate_pem;  // of its install; empty: could not be read
};

}  // namespace agp::ls
