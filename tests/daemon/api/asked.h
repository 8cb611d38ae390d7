#pragma once

#include "daemon/api/http.h"
#include "daemon/api/visibility.h"

#include <string>
#include <utility>

namespace agp::api::test {

/// Who sees all and may drive the language server.
inline Visibility root() {
  Visibility who;
  who.access = Visibility::Access::granted;
  who.uids = std::nullopt;
  who.may_drive = true;
  return who;
}

inline Request request(std::string method, std::string path) {
  Request out;
  out.method = std::move(method);
  out.path = std::move(path);
  return out;
}

}  // namespace agp::api::test
