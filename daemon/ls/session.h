#pragma once

#include "common/base/secret.h"

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

  /// Changes whenever anything changes that a second language server was started with.
  [[nodiscard]] std::uint64_t fingerprint() const;
  [[nodiscard]] bool is_usable() const { return extension_server_port != 0 && !csrf_token.empty(); }
};

/// NUL separated arguments; empty ones are kept. The views borrow from `cmdline`.
[[nodiscard]] std::vector<std::string_view> split_arguments(std::string_view cmdline);

/// The value of a flag by the rules of Go's flag package: one or two dashes, `--name=value` or
/// `--name value`, the last one wins, `--` and `-` end the flags.
[[nodiscard]] std::optional<std::string_view> flag_value(
    const std::vector<std::string_view>& arguments, std::string_view name);

/// @return the session if the process is Antigravity's language server, whether usable or not.
[[nodiscard]] std::optional<Session> recognise(const ProcessFacts& process);

/// Which of the found sessions to use.
struct Choice {
  std::optional<std::size_t> index;
  std::vector<uid_t> users;  // more than one: several users, and none was named
  std::string hint;          // something was found that cannot be used, and why
};

/// @param allowed   the one user whose sessions may be used; none: the only one that has any.
/// @param excluded  users that are never an IDE's (the account of our own language servers).
/// @param keep      fingerprint in use: kept as long as it exists, so that a second IDE window
///                  does not restart anything; otherwise the longest running session.
[[nodiscard]] Choice choose(const std::vector<Session>& sessions,
                            std::optional<uid_t> allowed,
                            const std::vector<uid_t>& excluded,
                            std::optional<std::uint64_t> keep);

}  // namespace agp::ls
