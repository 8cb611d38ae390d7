#include "daemon/control/lifecycle.h"

#include "daemon/control/errors.h"

#include <algorithm>
#include <utility>

namespace agp::control {
namespace {

constexpr std::size_t kEarlyExits = 16;
constexpr unsigned kMissedHeartbeats = 3;
// The process table belongs to everybody: looking more often than this would be noticed.
constexpr Duration kShortestRescan = std::chrono::seconds(1);

// Problem codes: stable, programs compare them.
constexpr const char* kHelper = "helper";
constexpr const char* kIde = "ide";
constexpr const char* kUser = "language-server-user";
constexpr const char* kScan = "process-scan";
constexpr const char* kBinary = "language-server-binary";
constexpr const char* kServer = "language-server";

Duration backoff(unsigned failures, const Settings& settings) {
  Duration delay = settings.first_backoff;
  for (unsigned i = 1; i < failures && delay < settings.last_backoff; ++i) {
    delay *= 2;
  }
  return std::min(delay, settings.last_backoff);
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace

const char* to_string(Phase phase) {
  switch (phase) {
    case Phase::idle:
      return "idle";
    case Phase::ensuring_bundle:
      return "ensuring-bundle";
    case Phase::ensuring_redirect:
      return "ensuring-redirect";
    case Phase::capturing:
      return "capturing";
    case Phase::asking_helper:
      return "asking-helper";
    case Phase::clearing:
      return "clearing";
    case Phase::scanning:
      return "scanning";
    case Phase::waiting_for_ide:
      return "waiting-for-ide";
    case Phase::starting:
      return "starting";
    case Phase::probing:
      return "probing";
    case Phase::running:
      return "running";
    case Phase::stopping_ls:
      return "stopping-ls";
    case Phase::backing_off:
      return "backing-off";
    case Phase::stopping:
      return "stopping";
    case Phase::stopped:
      return "stopped";
  }
  return "unknown";
}

Lifecycle::Lifecycle(Settings settings) : settings_(std::move(settings)) {
  settings_.rescan = std::max<Duration>(settings_.rescan, kShortestRescan);
}

void Lifecycle::start(TimePoint) {
  if (phase_ == Phase::idle && settings_.capture) {
    begin_cycle();
  }
}

void Lifecycle::stop(TimePoint) {
  if (phase_ == Phase::stopping || phase_ == Phase::stopped) {
    return;
  }
  phase_ = Phase::stopping;
  ++timer_;  // whatever was armed is stale now
  set_usable(false);
  finish_stop();
}

void Lifecycle::on_trust_bundle(Result<> outcome, TimePoint now) {
  in_flight_ = false;
  redirect_lost_ = false;  // it is put back in the next step anyway
  if (settle(now)) {
    return;
  }
  if (!outcome) {
    helper_failure(outcome.error(), "install the trust bundle");
    return;
  }
  phase_ = Phase::ensuring_redirect;
  ask(EnsureRedirect{});
}

void Lifecycle::on_redirect(Result<> outcome, TimePoint now) {
  in_flight_ = false;
  if (settle(now)) {
    return;
  }
  if (!outcome) {
    if (outcome.error().code == Errc::helper_failed) {
      set_capturing(false);  // otherwise it may still stand from before: the kernel keeps it
    }
    helper_failure(outcome.error(), "put the redirect in place");
    return;
  }
  helper_failures_ = 0;
  clear(kHelper);
  set_capturing(true);
  ensured_ = true;
  if (!settings_.manage_ls) {
    phase_ = Phase::capturing;
    return;
  }
  phase_ = Phase::asking_helper;
  ask(QueryHelper{});
}

void Lifecycle::on_helper_status(Result<HelperStatus> outcome, TimePoint now) {
  in_flight_ = false;
  if (settle(now)) {
    return;
  }
  if (!outcome) {
    helper_failure(outcome.error(), "ask which language servers run");
    return;
  }
  binaries_ = std::move(outcome->binaries);
  refused_ = outcome->refused;
  left_over_.clear();
  for (StartedLs& running : outcome->running) {
    left_over_.push_back(std::move(running.id));
  }
  next_left_over(now);
}

void Lifecycle::on_scan(Result<ScanOutcome> outcome, TimePoint now) {
  in_flight_ = false;
  if (settle(now)) {
    return;
  }
  if (phase_ == Phase::running) {
    on_scan_while_running(std::move(outcome), now);
    return;
  }
  if (!outcome) {
    const bool user = outcome.error().code == Errc::user_unknown;
    report({user ? kUser : kScan,
            user ? "the user \"" + settings_.user + "\" of language_server.user does not exist"
                 : "the IDE cannot be looked for: " + outcome.error().text(),
            user ? "correct language_server.user in proxy.yaml, or set it to auto"
                 : "the service must be allowed to read /proc; check ProtectProc= in drop-ins of "
                   "antigravity-proxy.service",
            Severity::failing});
    phase_ = Phase::waiting_for_ide;
    ensured_ = false;
    arm(settings_.rescan);
    return;
  }
  if (!outcome->obstacle) {
    clear(kScan);
  }
  if (!outcome->session) {
    wait_for_ide(*outcome);
    return;
  }
  clear(kIde);
  clear(kUser);
  session_ = std::move(outcome->session);
  if (ensured_) {
    start_ls();
  } else {
    begin_cycle();
  }
}

void Lifecycle::on_scan_while_running(Result<ScanOutcome> outcome, TimePoint now) {
  if (!outcome) {  // not being able to look is no sign that the IDE went away
    look_later(now);
    return;
  }
  if (outcome->session == session_) {
    if (now - probed_at_ >= settings_.heartbeat) {
      probe(now);
    } else {
      look_later(now);
    }
    return;
  }
  last_scan_ = std::move(*outcome);
  session_ = last_scan_.session;
  stop_ls(session_ ? Phase::ensuring_bundle : Phase::waiting_for_ide);
}

void Lifecycle::on_ls_started(Result<StartedLs> outcome, TimePoint now) {
  in_flight_ = false;
  if (outcome) {
    ls_id_ = std::move(outcome->id);
    started_at_ = now;
    for (auto& [id, detail] : early_exits_) {
      if (id == ls_id_) {
        exit_detail_ = detail;
      }
    }
  }
  early_exits_.clear();
  if (settle(now)) {
    return;
  }
  if (outcome) {
    clear(kBinary);
    phase_ = Phase::probing;
    probe(now);
    return;
  }
  const auto code = outcome.error().code;
  if (code == Errc::helper_unreachable || code == Errc::helper_denied) {
    helper_failure(outcome.error(), "start the language server");
    return;
  }
  report({kServer, "the language server could not be started: " + outcome.error().text(),
          "see journalctl -u antigravity-proxy-helper.service -u 'antigravity-ls-*'",
          Severity::failing});
  back_off(Blame::language_server);
}

void Lifecycle::on_probe(Result<> outcome, TimePoint now) {
  in_flight_ = false;
  if (settle(now)) {
    return;
  }
  if (outcome) {
    missed_heartbeats_ = 0;
    if (phase_ == Phase::probing) {
      phase_ = Phase::running;
      ready_at_ = now;
      clear(kServer);
      set_usable(true);
    }
    look_later(now);
    return;
  }
  if (phase_ == Phase::probing) {
    if (now - started_at_ < settings_.ready_limit) {
      arm(settings_.probe_pause);
      return;
    }
    report({kServer,
            "the language server was started but does not answer: " + outcome.error().text(),
            "see journalctl -u 'antigravity-ls-*'", Severity::failing});
    stop_ls(Phase::backing_off);
    return;
  }
  if (++missed_heartbeats_ < kMissedHeartbeats) {
    probed_at_ = now - settings_.heartbeat;  // ask again at the next look
    look_later(now);
    return;
  }
  report({kServer, "the language server stopped answering: " + outcome.error().text(),
          "it is being restarted; see journalctl -u 'antigravity-ls-*'", Severity::failing});
  stop_ls(Phase::backing_off);
}

void Lifecycle::on_ls_stopped(Result<> outcome, TimePoint now) {
  in_flight_ = false;
  if (stop_target_ == ls_id_) {
    ls_id_.clear();
    exit_detail_.reset();
  }
  if (settle(now)) {
    return;
  }
  if (!outcome) {  // if it still runs, the next cycle finds it among the left-over ones
    helper_failure(outcome.error(), "stop the language server");
    return;
  }
  if (phase_ == Phase::clearing) {
    next_left_over(now);
    return;
  }
  if (after_stop_ == Phase::ensuring_bundle) {
    begin_cycle();
  } else if (after_stop_ == Phase::waiting_for_ide) {
    wait_for_ide(last_scan_);
  } else {
    back_off(Blame::language_server);
  }
}

void Lifecycle::on_ls_exited(const std::string& id,
                             const std::string& result,
                             int status,
                             TimePoint now) {
  std::string detail = result + ", status " + std::to_string(status);
  if (ls_id_.empty() || id != ls_id_) {
    // The signal may overtake the answer that tells us the id.
    early_exits_.emplace_back(id, std::move(detail));
    if (early_exits_.size() > kEarlyExits) {
      early_exits_.pop_front();
    }
    return;
  }
  set_usable(false);
  if (phase_ == Phase::stopping_ls) {
    return;  // expected; the answer to StopLs goes on
  }
  exit_detail_ = std::move(detail);
  if (!in_flight_) {
    (void)settle(now);  // nothing else is to be done here, handled or not
  }
}

void Lifecycle::on_helper_available(TimePoint) {
  if (phase_ == Phase::backing_off && blame_ == Blame::helper) {
    begin_cycle();
  }
}

void Lifecycle::on_redirect_lost(TimePoint now) {
  if (phase_ == Phase::idle || phase_ == Phase::stopping || phase_ == Phase::stopped) {
    return;
  }
  // The helper says so after each attempt that failed, too. Nothing is lost then: that attempt's
  // own answer decides when to try again.
  if (!capturing_) {
    return;
  }
  set_capturing(false);
  redirect_lost_ = true;
  if (!in_flight_) {
    (void)settle(now);
  }
}

void Lifecycle::on_ide_exited(TimePoint now) {
  ide_exited_ = true;
  if (phase_ == Phase::running && !in_flight_) {
    look_later(now);
  }
}

void Lifecycle::on_timer(std::uint64_t id, TimePoint now) {
  if (id != timer_ || in_flight_) {
    return;
  }
  switch (phase_) {
    case Phase::waiting_for_ide:
    case Phase::running:
      scan(now);
      return;
    case Phase::backing_off:
      begin_cycle();
      return;
    case Phase::probing:
      probe(now);
      return;
    case Phase::idle:
    case Phase::ensuring_bundle:
    case Phase::ensuring_redirect:
    case Phase::capturing:
    case Phase::asking_helper:
    case Phase::clearing:
    case Phase::scanning:
    case Phase::starting:
    case Phase::stopping_ls:
    case Phase::stopping:
    case Phase::stopped:
      return;
  }
}

std::optional<Command> Lifecycle::next_command() {
  if (commands_.empty()) {
    return std::nullopt;
  }
  Command command = std::move(commands_.front());
  commands_.pop_front();
  return command;
}

void Lifecycle::ask(Command command) {
  in_flight_ = true;
  emit(std::move(command));
}

void Lifecycle::arm(Duration after) {
  emit(ArmTimer{++timer_, after});
}

void Lifecycle::begin_cycle() {
  ++timer_;
  ensured_ = false;
  phase_ = Phase::ensuring_bundle;
  ask(EnsureTrustBundle{});
}

void Lifecycle::scan(TimePoint now) {
  if (phase_ != Phase::running) {
    phase_ = Phase::scanning;
  }
  ++timer_;  // the look that was armed is this one
  ide_exited_ = false;
  scanned_at_ = now;
  ask(ScanForIde{});
}

/// The next look while the language server runs: soon when the IDE's own is known to have ended.
void Lifecycle::look_later(TimePoint now) {
  const Duration since = scanned_at_ ? now - *scanned_at_ : kShortestRescan;
  if (!ide_exited_) {
    arm(settings_.rescan);
  } else if (since >= kShortestRescan) {
    scan(now);
  } else {
    arm(kShortestRescan - since);
  }
}

void Lifecycle::next_left_over(TimePoint now) {
  if (!left_over_.empty()) {
    phase_ = Phase::clearing;
    stop_target_ = std::move(left_over_.front());
    left_over_.pop_front();
    ask(StopLs{stop_target_});
    return;
  }
  if (binaries_.empty()) {
    std::string message = "there is no Antigravity language server that may be started";
    for (const auto& each : refused_) {
      message += (&each == &refused_.front() ? " (" : "; ") + each;
    }
    message += refused_.empty() ? "" : ")";
    report({kBinary, std::move(message),
            "install the Antigravity IDE for all users (package, or under /opt), or name the "
            "root-owned binary in language_server.binaries of helper.yaml",
            Severity::failing});
    back_off(Blame::language_server);
    return;
  }
  clear(kBinary);
  if (session_) {
    start_ls();
  } else {
    scan(now);
  }
}

void Lifecycle::start_ls() {
  ensured_ = false;
  phase_ = Phase::starting;
  missed_heartbeats_ = 0;
  early_exits_.clear();
  // The install that the IDE itself runs from is the one whose version fits its extension.
  auto chosen = std::find_if(
      binaries_.begin(), binaries_.end(),
      [this](const UsableBinary& binary) { return binary.path == session_->binary_path; });
  if (chosen == binaries_.end()) {
    chosen = binaries_.begin();
  }
  ask(StartLs{session_->fingerprint, chosen->index, chosen->path});
}

void Lifecycle::probe(TimePoint now) {
  probed_at_ = now;
  ask(ProbeLs{ls_id_});
}

void Lifecycle::stop_ls(Phase next) {
  set_usable(false);
  ++timer_;
  after_stop_ = next;
  phase_ = Phase::stopping_ls;
  stop_target_ = ls_id_;
  ask(StopLs{ls_id_});
}

void Lifecycle::wait_for_ide(const ScanOutcome& outcome) {
  phase_ = Phase::waiting_for_ide;
  ensured_ = false;
  session_.reset();
  if (outcome.candidates.size() > 1) {
    clear(kIde);
    report({kUser,
            "several users run the Antigravity IDE (" + join(outcome.candidates) +
                "): which user's session shall be used?",
            "set language_server.user in proxy.yaml to one of them", Severity::failing});
  } else {
    clear(kUser);
    if (outcome.obstacle) {
      report({kScan, outcome.obstacle->message, outcome.obstacle->remedy, Severity::failing});
    }
    const bool any = settings_.user == "auto";
    report({kIde,
            "waiting for the Antigravity IDE to run" + (any ? "" : " as user " + settings_.user) +
                (outcome.hint.empty() ? "" : " (" + outcome.hint + ")"),
            "start the Antigravity IDE and sign in", Severity::waiting});
  }
  arm(settings_.rescan);
}

void Lifecycle::ls_crashed(TimePoint now) {
  const std::string detail = *std::exchange(exit_detail_, std::nullopt);
  const bool was_ready = phase_ == Phase::running;
  ls_id_.clear();
  set_usable(false);
  if (was_ready && now - ready_at_ >= settings_.proven_after) {
    ls_failures_ = 0;
  }
  if (!was_ready && ls_failures_ == 0) {
    // Most likely another program took one of its ports: other ports are chosen each time.
    ++ls_failures_;
    begin_cycle();
    return;
  }
  report({kServer, "the language server ended unexpectedly (" + detail + ")",
          "it is restarted by itself; if this goes on, see journalctl -u 'antigravity-ls-*'",
          Severity::failing});
  back_off(Blame::language_server);
}

void Lifecycle::helper_failure(const Error& error, const std::string& what) {
  std::string remedy =
      "see journalctl -u antigravity-proxy-helper.service; it is tried again by itself";
  if (error.code == Errc::helper_unreachable) {
    remedy =
        "check that dbus runs and that the package antigravity-proxy is installed completely "
        "(systemctl status antigravity-proxy-helper.service); it is tried again by itself";
  } else if (error.code == Errc::helper_denied) {
    remedy =
        "polkit must run and allow org.antigravityproxy.* to the user antigravity-proxy; check "
        "local rules in /etc/polkit-1/rules.d";
  }
  report({kHelper, "cannot " + what + ": " + error.text(), remedy, Severity::failing});
  back_off(Blame::helper);
}

void Lifecycle::back_off(Blame blame) {
  phase_ = Phase::backing_off;
  blame_ = blame;
  session_.reset();
  ensured_ = false;
  unsigned& failures = blame == Blame::helper ? helper_failures_ : ls_failures_;
  arm(backoff(++failures, settings_));
}

void Lifecycle::report(ReportProblem problem) {
  auto known = std::find_if(problems_.begin(), problems_.end(),
                            [&](const ReportProblem& other) { return other.code == problem.code; });
  if (known == problems_.end()) {
    problems_.push_back(problem);
  } else if (*known == problem) {
    return;  // said already
  } else {
    *known = problem;
  }
  emit(std::move(problem));
}

void Lifecycle::clear(const std::string& code) {
  const auto gone =
      std::erase_if(problems_, [&](const ReportProblem& problem) { return problem.code == code; });
  if (gone > 0) {
    emit(ClearProblem{code});
  }
}

void Lifecycle::set_capturing(bool active) {
  if (std::exchange(capturing_, active) != active) {
    emit(CaptureActive{active});
  }
}

void Lifecycle::set_usable(bool usable) {
  if (std::exchange(usable_, usable) != usable) {
    emit(LsUsable{usable, ls_id_});
  }
}

void Lifecycle::finish_stop() {
  if (in_flight_) {
    return;  // its answer comes back here
  }
  if (!ls_id_.empty() && !exit_detail_) {
    stop_target_ = ls_id_;
    ask(StopLs{ls_id_});
    return;
  }
  if (!left_over_.empty()) {
    stop_target_ = std::move(left_over_.front());
    left_over_.pop_front();
    ask(StopLs{stop_target_});
    return;
  }
  phase_ = Phase::stopped;
  emit(Stopped{});
}

/// What takes precedence over the answer that just came in, if anything does.
bool Lifecycle::settle(TimePoint now) {
  if (phase_ == Phase::stopped || phase_ == Phase::idle) {
    return true;
  }
  if (phase_ == Phase::stopping) {
    finish_stop();
    return true;
  }
  if (exit_detail_) {
    ls_crashed(now);
    return true;
  }
  if (std::exchange(redirect_lost_, false)) {
    if (ls_id_.empty()) {
      begin_cycle();
    } else {
      stop_ls(Phase::ensuring_bundle);
    }
    return true;
  }
  return false;
}

}  // namespace agp::control
