#pragma once

#include "cli/line.h"
#include "cli/output.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace agp::cli {

/// Whom the program runs as, when root starts it for somebody else.
struct RunUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  std::string home;
  std::string shell;
};

/// What `run` needs of the machine.
class RunHost {
 public:
  RunHost() = default;
  RunHost(const RunHost&) = delete;
  RunHost& operator=(const RunHost&) = delete;
  RunHost(RunHost&&) = delete;
  RunHost& operator=(RunHost&&) = delete;
  virtual ~RunHost() = default;

  [[nodiscard]] virtual uid_t uid() const = 0;
  [[nodiscard]] virtual std::optional<RunUser> user_named(const std::string& name) const = 0;
  /// 32 lower-case hexadecimal digits.
  [[nodiscard]] virtual std::string fresh_id() = 0;
  /// Moves this process into a scope of its own. @param user whose slice it belongs to.
  [[nodiscard]] virtual std::optional<Failure> enter_scope(const std::string& id, uid_t user) = 0;
  /// Has the helper capture that scope. @return path of the trust bundle.
  [[nodiscard]] virtual Answer<std::string> capture_scope(const std::string& id, uid_t user) = 0;
  [[nodiscard]] virtual std::optional<std::string> environment(const std::string& name) const = 0;
  virtual void set_environment(const std::string& name, const std::string& value) = 0;
  /// For good, with all groups.
  [[nodiscard]] virtual std::optional<Failure> become(const RunUser& user) = 0;
  /// On standard error, before this process becomes another program.
  virtual void say(const std::string& text) = 0;
  /// Becomes the program. @return only when that failed: the reason (errno).
  [[nodiscard]] virtual int execute(const std::vector<std::string>& command) = 0;
};

/// `run -- CMD`: becomes that program, with what it sends to the models captured.
/// @return only when the program was not started.
[[nodiscard]] Output run_program(const Line& line, Daemon& daemon, RunHost& host);

/// Variables that make programs trust the bundle, and their values.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> trust_environment(
    const std::string& bundle);

}  // namespace agp::cli
