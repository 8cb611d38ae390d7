#pragma once

#include "common/base/result.h"
#include "daemon/control/ports.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace agp::control {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

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

/// What the life cycle knows of an IDE session. Ports and tokens stay in the driver; a change of
/// any of them changes the fingerprint.
struct IdeSession {
  std::uint64_t fingerprint = 0;
  std::string user;
  std::string binary_path;  // may be empty
  bool operator==(const IdeSession&) const = default;
};

/// What keeps a look from seeing everything, and what to do about it.
struct Obstacle {
  std::string message;
  std::string remedy;
  bool operator==(const Obstacle&) const = default;
};

/// The outcome of one look at the process table.
struct ScanOutcome {
  std::optional<IdeSession> session;
  std::vector<std::string> candidates;  // several users, and nothing says which: their names
  std::string hint;  // why something that was found cannot be used, a sentence, or empty
  std::optional<Obstacle> obstacle;  // nothing was found, but something may be there unseen
};

// Commands, in the order in which they are to be carried out. Each asynchronous one has exactly
// one answer, given to the method named beside it.
struct EnsureTrustBundle {};  // on_trust_bundle
struct EnsureRedirect {};     // on_redirect
struct QueryHelper {};        // on_helper_status
struct ScanForIde {};         // on_scan
struct StartLs {              // on_ls_started
  std::uint64_t fingerprint = 0;
  std::uint32_t binary_index = 0;
  std::string binary_path;
};
struct ProbeLs {  // on_probe
  std::string id;
};
struct StopLs {  // on_ls_stopped
  std::string id;
};
/// Replaces the timer that was armed before; on_timer with this id when it fires.
struct ArmTimer {
  std::uint64_t id = 0;
  Duration after{};
};
enum class Severity { waiting, failing };
struct ReportProblem {
  std::string code;     // stable: programs compare it
  std::string message;  // what is wrong
  std::string remedy;   // what to do about it
  Severity severity = Severity::failing;
  bool operator==(const ReportProblem&) const = default;
};
struct ClearProblem {
  std::string code;
};
struct CaptureActive {
  bool active = false;
};
/// The language server can (or can no longer) be driven.
struct LsUsable {
  bool usable = false;
  std::string id;
};
struct Stopped {};

using Command = std::variant<EnsureTrustBundle,
                             EnsureRedirect,
                             QueryHelper,
                             ScanForIde,
                             StartLs,
                             ProbeLs,
                             StopLs,
                             ArmTimer,
                             ReportProblem,
                             ClearProblem,
                             CaptureActive,
                             LsUsable,
                             Stopped>;

/// idle ─start─> ensuring_bundle ─> ensuring_redirect ─> asking_helper ─> clearing ─> scanning
/// scanning ─none─> waiting_for_ide ─timer─> scanning
/// scanning ─found─> starting ─> probing ─> running; found later: through ensuring_bundle again,
/// so that no language server ever starts before bundle and redirect are known to be there.
/// Anything that fails ─> backing_off ─timer─> ensuring_bundle. stop() ─> stopping ─> stopped.
enum class Phase {
  idle,               // start() not called, or capture is off
  ensuring_bundle,    // waits for the helper
  ensuring_redirect,  // waits for the helper
  capturing,          // bundle and redirect are there, no language server wanted
  asking_helper,      // what runs already, which binaries may be started
  clearing,           // a language server of a predecessor is being stopped
  scanning,           // looking for the IDE
  waiting_for_ide,    // timer runs until the next look
  starting,           // the helper starts the language server
  probing,            // it was started and does not answer yet
  running,            // it answers
  stopping_ls,        // it is being stopped, because the IDE went away, changed, or it hangs
  backing_off,        // timer runs until the next attempt
  stopping,           // stop() was called; waits for what is under way
  stopped,
};

[[nodiscard]] const char* to_string(Phase phase);

/// Decides when trust bundle, redirect and language server are put in place and taken down.
/// Bundle before redirect before language server. Not thread safe; time comes in.
class Lifecycle {
 public:
  explicit Lifecycle(Settings settings);

  void start(TimePoint now);
  /// Stops the language server. Redirect and bundle are left to the unit that releases them.
  void stop(TimePoint now);

  void on_trust_bundle(Result<> outcome, TimePoint now);
  void on_redirect(Result<> outcome, TimePoint now);
  void on_helper_status(Result<HelperStatus> outcome, TimePoint now);
  void on_scan(Result<ScanOutcome> outcome, TimePoint now);
  void on_ls_started(Result<StartedLs> outcome, TimePoint now);
  void on_probe(Result<> outcome, TimePoint now);
  void on_ls_stopped(Result<> outcome, TimePoint now);
  /// Any language server's end, ours or not, even before the answer that names it.
  void on_ls_exited(const std::string& id, const std::string& result, int status, TimePoint now);
  /// The helper appeared on the bus: what failed for want of it is tried again at once.
  void on_helper_available(TimePoint now);
  /// The redirect is gone although nobody here asked for that.
  void on_redirect_lost(TimePoint now);
  /// The IDE's language server ended, the one of the session in use. Looks again at once, but as
  /// ever not twice within a second.
  void on_ide_exited(TimePoint now);
  void on_timer(std::uint64_t id, TimePoint now);

  [[nodiscard]] std::optional<Command> next_command();
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] bool is_capturing() const { return capturing_; }

 private:
  enum class Blame { helper, language_server };

  void emit(Command command) { commands_.push_back(std::move(command)); }
  void ask(Command command);  // asynchronous: one answer will come
  void arm(Duration after);
  void begin_cycle();
  void scan(TimePoint now);
  void look_later(TimePoint now);
  void start_ls();
  void probe(TimePoint now);
  void stop_ls(Phase next);
  void next_left_over(TimePoint now);
  void wait_for_ide(const ScanOutcome& outcome);
  void on_scan_while_running(Result<ScanOutcome> outcome, TimePoint now);
  void ls_crashed(TimePoint now);
  void helper_failure(const Error& error, const std::string& what);
  void back_off(Blame blame);
  void report(ReportProblem problem);
  void clear(const std::string& code);
  void set_capturing(bool active);
  void set_usable(bool usable);
  void finish_stop();
  bool settle(TimePoint now);

  Settings settings_;
  Phase phase_ = Phase::idle;
  std::deque<Command> commands_;
  std::vector<ReportProblem> problems_;
  bool capturing_ = false;
  bool usable_ = false;
  bool in_flight_ = false;                  // an asynchronous command waits for its answer
  bool ensured_ = false;                    // bundle and redirect were put in place in this cycle
  bool ide_exited_ = false;                 // noticed since the last look
  bool redirect_lost_ = false;              // noticed while a command was under way
  std::optional<std::string> exit_detail_;  // our language server ended, not yet dealt with
  Blame blame_ = Blame::helper;
  std::uint64_t timer_ = 0;
  unsigned helper_failures_ = 0;
  unsigned ls_failures_ = 0;
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
