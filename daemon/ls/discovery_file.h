#pragma once

#include "common/base/secret.h"
#include "daemon/ls/session.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

/// The file a persistent language server leaves for its IDE. A core: the text comes in.
namespace agp::ls {

struct Discovery {
  pid_t pid = 0;
  std::uint16_t https_port = 0;  // 0 when the file does not say
  std::uint16_t http_port = 0;
  std::uint16_t lsp_port = 0;
  Secret<std::string> csrf_token;
  std::string version;
};

/// Where the language server of these flags would leave its file, empty when that is unknown:
/// <gemini dir>/<app data dir>/daemon/ls_<16 hex digits of SHA-256(workspace id)>.json
/// @param home  the home directory of the session's user.
[[nodiscard]] std::string discovery_path(const Session& session, std::string_view home);

/// @return nothing unless it is a JSON object that names a process.
[[nodiscard]] std::optional<Discovery> parse_discovery(std::string_view json);

/// Completes a session by its file. A file of another process is an old one, and changes nothing.
/// The command line wins where both speak: it is what the fingerprint has been built from.
/// @return whether the file was this session's.
bool complete(Session* session, Discovery discovery);

}  // namespace agp::ls
