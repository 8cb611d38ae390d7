#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

/// What may be told about the sessions of a machine. Plain values, and no member is a secret: the
/// tokens of a session never leave ls::Session.
namespace agp::ls {

/// How the protocol of a language server looks; told by the flags it was started with.
enum class Era {
  unknown,  // too few flags to tell
  e1,       // one CSRF token for both directions
  e2,       // a second token for the extension server; persistent mode
  e3,       // Antigravity 2: `subclient_type`, binaries without the name of the system
};

/// What a language server belongs to.
enum class Kind {
  ide,   // a window of the editor
  core,  // the editor, but no workspace: its Agent Manager, or a window without a folder
  hub,   // Antigravity 2 without the editor: signs in by itself
  agy,   // the command line program: its language server is a part of it
};

/// Stable words: programs compare them.
[[nodiscard]] const char* to_string(Era era);
[[nodiscard]] const char* to_string(Kind kind);

/// One session.
struct SessionInfo {
  /// Names the running process: a restart is another session. Unique until the machine restarts.
  std::string id;
  uid_t uid = 0;
  std::string user;  // name of uid, or "uid N" when it has none
  pid_t pid = 0;
  Kind kind = Kind::ide;
  Era era = Era::unknown;
  bool is_remote = false;    // the editor's server for remote windows (SSH)
  std::string workspace_id;  // mangled by the IDE: compare it, never decode it. Empty: none
  std::string app_data_dir;
  std::string version;                          // of the product; empty when nothing says it
  std::chrono::system_clock::time_point since;  // when the process began, in whole seconds
  bool is_usable = false;                       // its login can be shared
  bool is_in_use = false;                       // its login is the one that is shared
  std::string reason;           // a sentence: why it is not in use; empty for the one that is
  std::vector<pid_t> wrappers;  // processes in front of it, which are no sessions of their own
  bool operator==(const SessionInfo&) const = default;
};

/// What the last look recognised, of all users. Texts that users chose (workspace_id,
/// app_data_dir, version) may hold any octets, up to kShownText of them.
struct SessionList {
  static constexpr std::size_t kShownText = 1024;

  std::vector<SessionInfo> sessions;  // by uid, then the oldest first

  /// Those that this user may be shown.
  [[nodiscard]] SessionList of(uid_t uid) const;
  /// The one whose login is shared, null while there is none.
  [[nodiscard]] const SessionInfo* in_use() const;
  bool operator==(const SessionList&) const = default;
};

}  // namespace agp::ls
