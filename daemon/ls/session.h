#pragma once

#include "common/base/secret.h"
#include "daemon/ls/session_list.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

/// Recognising the IDE's language server by its command line. A core: no /proc here.
namespace agp::ls {

/// What the kernel says about one process.
struct ProcessFacts {
  pid_t pid = 0;
  uid_t uid = 0;
  std::uint64_t start_time = 0;  // /proc/<pid>/stat field 22: tells a reused pid apart
  std::string cmdline;           // as read: NUL separated, may lack the last NUL
  std::string exe;               // link target, empty when it may not be read
  std::vector<pid_t> ancestors;  // parent first
};

/// The language server of a running IDE, with what a second one needs to share its login.
struct Session {
  pid_t pid = 0;
  uid_t uid = 0;
  std::uint64_t start_time = 0;
  std::string binary_path;                  // absolute, or empty when unknown
  std::uint16_t extension_server_port = 0;  // 0: it has none, so there is no login to share
  Secret<std::string> csrf_token;
  Secret<std::string> extension_csrf_token;  // empty in era E1
  std::string workspace_id;
  std::string app_data_dir;
  std::string cloud_code_endpoint;
  Kind kind = Kind::ide;
  Era era = Era::unknown;
  bool is_remote = false;                  // the editor's server for remote windows
  std::string version;                     // of the product; empty when nothing says it
  std::string gemini_dir;                  // as given: relative to the home directory, or empty
  bool is_persistent = false;              // outlives the IDE, and writes a discovery file
  std::string wrapper;                     // an interpreter or tracer that runs one as its child
  bool has_lost_extension_server = false;  // nothing of its user serves that port here
  std::vector<pid_t> ancestors;            // parent first
  std::vector<pid_t> wrappers;             // processes that only stand in front of this one
  std::uint16_t https_port = 0;            // its own listeners, 0 when nothing says them
  std::uint16_t http_port = 0;
  std::uint16_t lsp_port = 0;

  /// Changes whenever anything changes that a second language server was started with.
  [[nodiscard]] std::uint64_t fingerprint() const;
  /// The workspace_id where the helper takes it: 0 to 256 of A-Z a-z 0-9 _. Else empty: a language
  /// server without one is better than none.
  [[nodiscard]] std::string passable_workspace_id() const;
  /// Why its login cannot be shared, to be read after the name of the process; empty when it can.
  [[nodiscard]] std::string unusable_reason() const;
  [[nodiscard]] bool is_usable() const { return unusable_reason().empty(); }
};

/// Whether the whole process is worth a look: false for nearly all of a machine.
[[nodiscard]] bool may_be_session(std::string_view cmdline);

/// "the language server with pid 7", to begin a sentence about it.
[[nodiscard]] std::string name_of(const Session& session);

/// @return the session if the process is Antigravity's language server, whether usable or not.
[[nodiscard]] std::optional<Session> recognise(const ProcessFacts& process);

}  // namespace agp::ls
