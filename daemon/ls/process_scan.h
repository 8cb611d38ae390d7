#pragma once

#include "common/base/result.h"
#include "daemon/control/lifecycle.h"
#include "daemon/ls/process_memory.h"
#include "daemon/ls/session.h"
#include "daemon/ls/session_list.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace agp::ls {

/// One look at the machine for the IDE's session. Blocking: run it on a worker.
class SessionFinder {
 public:
  struct Found {
    control::ScanOutcome outcome;    // what the life cycle decides on
    std::optional<Session> session;  // with tokens, for the driver alone
    SessionList all;                 // whatever was recognised, chosen or not; without secrets
  };

  virtual ~SessionFinder() = default;
  /// @param keep  fingerprint of the session in use, preferred as long as it exists.
  [[nodiscard]] virtual Result<Found> find(std::optional<std::uint64_t> keep) = 0;
};

/// When a process began, in clock ticks since the machine did: /proc/<pid>/stat field 22.
/// @return nothing when there is no such process.
[[nodiscard]] std::optional<std::uint64_t> start_time_of(const std::string& proc, pid_t pid);

[[nodiscard]] std::chrono::system_clock::time_point boot_time();

/// SessionFinder over /proc. Reads what is world readable there, and of the files of a user only
/// the discovery file of the one on whose behalf it acts. Sends no signal to anybody. Remembers
/// what it saw: nearly all processes cost no more than their line in the directory.
class ProcessScan final : public SessionFinder {
 public:
  struct Options {
    std::string user = "auto";                      // proxy.yaml: language_server.user
    std::string own_ls_account = "antigravity-ls";  // never an IDE's
    std::string proc = "/proc";
    /// When the machine started, by its clock now.
    std::function<std::chrono::system_clock::time_point()> boot_time = ls::boot_time;
    std::string net = "net";  // below proc: the network where extension servers listen
  };

  explicit ProcessScan(Options options);
  /// @return Errc::user_unknown or Errc::scan_failed of control.
  [[nodiscard]] Result<Found> find(std::optional<std::uint64_t> keep) override;
  /// Processes whose command line the last look had to read.
  [[nodiscard]] std::size_t read_in_last_look() const { return read_; }

 private:
  /// @return Errc::scan_failed of control.
  Result<std::vector<Session>> look(std::optional<uid_t> allowed,
                                    const std::vector<uid_t>& excluded);
  std::optional<Session> look_at(pid_t pid);
  void complete_persistent(std::vector<Session>* sessions, uid_t uid);
  void check_extension_servers(std::vector<Session>* sessions);
  void complete_version(Session* session);
  std::chrono::system_clock::time_point time_of(const Session& session);
  void forget_but(const std::vector<Session>& sessions);
  std::optional<control::Obstacle> obstacle_now(std::optional<uid_t> allowed);

  Options options_;
  ProcessMemory memory_;
  std::size_t read_ = 0;
  bool is_denied_ = false;  // some command line in the last look
  /// The install may change and the clock may be set, a running process stays what it is.
  struct Known {
    std::optional<std::string> version;
    std::optional<std::chrono::system_clock::time_point> since;
    bool is_served = false;  // its extension server, seen once
  };
  std::map<std::pair<pid_t, std::uint64_t>, Known> known_;  // by pid and start time
};

}  // namespace agp::ls
