#pragma once

#include "common/base/secret.h"
#include "common/base/unique_fd.h"

#include <cstdint>
#include <string>
#include <vector>

/// Values that travel between the life cycle, the helper and the language server driver.
namespace agp::control {

/// What StartLanguageServer is asked. No path, no command line, no environment: the helper owns
/// those.
struct StartSpec {
  std::uint16_t server_port = 0;
  std::uint16_t lsp_port = 0;
  std::uint16_t extension_server_port = 0;
  Secret<std::string> csrf_token;
  Secret<std::string> extension_csrf_token;  // empty in era E1: one token for both directions
  std::string workspace_id;
  std::uint32_t binary_index = 0;  // into the helper's own list
  UniqueFd stdin_fd;               // sealed memfd with the Metadata message
};

struct StartedLs {
  std::string id;    // what StopLanguageServer takes and LanguageServerExited names
  std::string unit;  // for people
};

/// One language server binary of the helper's list that passed its checks.
struct UsableBinary {
  std::uint32_t index = 0;
  std::string path;
};

struct HelperStatus {
  std::vector<StartedLs> running;
  std::vector<UsableBinary> binaries;
  std::vector<std::string> refused;  // "PATH: why it may not be started", for people
};

}  // namespace agp::control
