#pragma once

#include "common/base/result.h"
#include "daemon/control/commands.h"
#include "daemon/control/phase.h"
#include "daemon/control/ports.h"
#include "daemon/control/problems.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace agp::control {

using TimePoint = std::chrono::steady_clock::time_point;

/// The process table belongs to everybody: looking more often than this would be noticed.
inline constexpr Duration kShortestRescan = std::chrono::seconds(1);

struct Settings {
  bool capture = true;        // proxy.yaml: capture.mode is `service`
  bool manage_ls = true;      // proxy.yaml: language_server.mode is `managed`
  std::string user = "auto";  // proxy.yaml: language_server.user, for messages only
  Duration rescan = std::chrono::seconds(2);
  Duration probe_pause = std::chrono::milliseconds(300);
  Duration ready_limit = std::chrono::seconds(30);
  Duration heartbeat = std::chrono::seconds(10);
  Duration first_backoff = std::chrono::seconds(1);
  Duration last_backoff = std::chrono::seconds(30);
  Duration proven_after = std::chrono::seconds(60);  // running this long forgets past crashes
};

/// Decides when trust bundle, redirect and language server are put in place and taken down.
/// Bundle before redirect before language server. Not thread safe; time comes in.
class Lifecycle {
 public:
  explicit Lifecycle(Settings settings);

  void start(TimePoint now);
  /// Stops the language server. Redirect and bundle are left to the unit that releases them.
  void stop(TimePoint now);

  /// Stops the language server, and starts none until resume() or restart().
  void hold(TimePoint now);
  /// Ends a hold, or the pause after a failure, whose count starts anew.
  void resume(TimePoint now);
  /// Stops the language server, if there is one, and starts it again.
  void restart(TimePoint now);

  /// Stops the language server, then takes the redirect away, and leaves it so until capture().
  void release(TimePoint now);
  /// Captures from now on, whatever the configuration says.
  void capture(TimePoint now);

  void on_trust_bundle(Result<> outcome, TimePoint now);
  void on_redirect(Result<> outcome, TimePoint now);
  void on_redirect_removed(Result<> outcome, TimePoint now);
  void on_helper_status(Result<HelperStatus> outcome, TimePoint now);
  void on_scan(Result<ScanOutcome> outcome, TimePoint now);
  void on_ls_started(Result<StartedLs> outcome, TimePoint now);
  void on_probe(Result<> outcome, TimePoint now);
  /// The language server that is being probed says that it listens: it is asked at once.
  void on_ls_listening(TimePoint now);
  void on_ls_stopped(Result<> outcome, TimePoint now);
  /// Any language server's end, ours or not, even before the answer that names it.
  void on_ls_exited(const std::string& id, const std::string& result, int status, TimePoint now);
  /// The helper appeared on the bus: what failed for want of it is tried again at once.
  void on_helper_available(TimePoint now);
  /// The redirect is gone although nobody here asked for that.
  void on_redirect_lost(TimePoint now);
  /// The redirect is in place, whoever asked for it: a call of ours may have been overtaken by the
  /// one that took it away.
  void on_redirect_back(TimePoint now);
  /// The IDE's language server ended, the one of the session in use. Looks again at once, but as
  /// ever not twice within a second.
  void on_ide_exited(TimePoint now);
  void on_timer(std::uint64_t id, TimePoint now);

  [[nodiscard]] std::optional<Command> next_command();
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] bool is_capturing() const { return capturing_; }
  /// Somebody asked for no language server, and it is not running or on its way out.
  [[nodiscard]] bool is_held() const { return held_; }
  /// Somebody asked for no capture, and it is off or on its way there.
  [[nodiscard]] bool is_released() const { return released_; }
  /// Capture is as it was asked for, or it is known that this takes longer.
  [[nodiscard]] bool is_capture_settled() const;
  /// A language server runs, or is about to be started or stopped.
  [[nodiscard]] bool has_language_server() const {
    return phase_ == Phase::starting || !ls_id_.empty();
  }
  /// Ends of its own in a row, without running for a while in between.
  [[nodiscard]] unsigned crashes() const { return crashes_; }
  [[nodiscard]] bool is_crash_loop() const;
  /// Nothing is under way that would change the phase by itself within seconds.
  [[nodiscard]] bool is_settled() const;

 private:
  enum class Blame { helper, language_server };

  void emit(Command command) { commands_.push_back(std::move(command)); }
  void ask(Command command);  // asynchronous: one answer will come
  void arm(Duration after);
  void begin_cycle();
  void next_attempt();
  void scan(TimePoint now);
  void look_later(TimePoint now);
  void start_ls();
  void probe(TimePoint now);
  void stop_ls(Phase next);
  void next_left_over(TimePoint now);
  void wait_for_ide(const ScanOutcome& outcome);
  void on_scan_while_running(Result<ScanOutcome> outcome, TimePoint now);
  void ls_crashed(TimePoint now);
  void rest_held();
  void release_next();
  void rest_released();
  void clear_server_problems();
  void helper_failure(const Error& error, const std::string& what);
  void back_off(Blame blame);
  void report(ReportProblem problem);
  void clear(const char* code);
  void set_capturing(bool active);
  void set_usable(bool usable);
  void finish_stop();
  bool settle(TimePoint now);

  Settings settings_;
  Phase phase_ = Phase::idle;
  std::deque<Command> commands_;
  Problems problems_;
  bool capturing_ = false;
  bool usable_ = false;
  bool in_flight_ = false;                  // an asynchronous command waits for its answer
  bool ensured_ = false;                    // bundle and redirect were put in place in this cycle
  bool ide_exited_ = false;                 // noticed since the last look
  bool redirect_lost_ = false;              // noticed while a command was under way
  bool held_ = false;                       // no language server is wanted
  bool released_ = false;                   // no capture is wanted
  bool restart_wanted_ = false;             // asked for while a command was under way
  bool listening_ = false;                  // said so while it was being probed
  std::optional<std::string> exit_detail_;  // our language server ended, not yet dealt with
  Blame blame_ = Blame::helper;
  std::uint64_t timer_ = 0;
  unsigned helper_failures_ = 0;
  unsigned ls_failures_ = 0;
  unsigned crashes_ = 0;  // of these, ends of its own, in a row
  unsigned missed_heartbeats_ = 0;
  std::optional<IdeSession> session_;  // the one the language server runs, or shall run, for
  ScanOutcome last_scan_;
  std::vector<UsableBinary> binaries_;
  std::vector<std::string> refused_;  // and why
  std::deque<std::string> left_over_;
  std::deque<std::pair<std::string, std::string>> early_exits_;  // id and detail, not yet ours
  std::string ls_id_;
  std::string stop_target_;
  Phase after_stop_ = Phase::backing_off;
  TimePoint started_at_;
  TimePoint ready_at_;
  TimePoint probed_at_;
  std::optional<TimePoint> scanned_at_;
};

}  // namespace agp::control
