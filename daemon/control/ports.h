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
  std::uint16_t http_port = 0;  // of the cleartext listener, which nobody uses
  std::uint16_t lsp_port = 0;
  std::uint16_t extension_server_port = 0;
  Secret<std::string> csrf_token;            // what we send to it
  Secret<std::string> extension_csrf_token;  // what it sends to the IDE's extension server
  std::string workspace_id;
  std::uint32_t binary_index = 0;  // into the helper's own list
  UniqueFd stdin_fd;               // sealed memfd with the Metadata message
  UniqueFd log_fd;                 // writing end of a pipe
};

struct StartedLs {
  std::string id;    // what StopLanguageServer takes and LanguageServerExited names
  std::string unit;  // for people
  /// Era E1 has one token for both directions: it takes extension_csrf_token from us as well.
  bool has_one_token = false;
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
