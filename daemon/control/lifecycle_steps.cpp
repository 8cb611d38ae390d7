#include "daemon/control/lifecycle.h"

#include <algorithm>
#include <utility>

/// The steps from phase to phase, and what takes precedence over the next one.
namespace agp::control {
namespace {

Duration backoff(unsigned failures, const Settings& settings) {
  Duration delay = settings.first_backoff;
  for (unsigned i = 1; i < failures && delay < settings.last_backoff; ++i) {
    delay *= 2;
  }
  return std::min(delay, settings.last_backoff);
}

}  // namespace

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

void Lifecycle::next_attempt() {
  if (released_) {
    release_next();
  } else {
    begin_cycle();
  }
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
  if (held_) {
    rest_held();
    return;
  }
  if (binaries_.empty()) {
    report(no_binary(refused_));
    back_off(Blame::language_server);
    return;
  }
  clear(kBinaryProblem);
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
  listening_ = false;
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
    clear(kIdeProblem);
    report(several_users(outcome.candidates));
  } else {
    clear(kUserProblem);
    if (outcome.obstacle) {
      report(
          {kScanProblem, outcome.obstacle->message, outcome.obstacle->remedy, Severity::failing});
    }
    report(no_ide(settings_.user, outcome.hint));
  }
  arm(settings_.rescan);
}

void Lifecycle::ls_crashed(TimePoint now) {
  const std::string detail = *std::exchange(exit_detail_, std::nullopt);
  const bool was_ready = phase_ == Phase::running;
  ls_id_.clear();
  set_usable(false);
  if (held_) {
    rest_held();
    return;
  }
  restart_wanted_ = false;  // that is what happens anyway
  if (was_ready && now - ready_at_ >= settings_.proven_after) {
    ls_failures_ = 0;
    crashes_ = 0;
  }
  ++crashes_;
  if (!was_ready && ls_failures_ == 0) {
    // Most likely another program took one of its ports: other ports are chosen each time.
    ++ls_failures_;
    begin_cycle();
    return;
  }
  report(is_crash_loop() ? crash_loop(detail) : server_ended(detail));
  back_off(Blame::language_server);
}

void Lifecycle::rest_held() {
  phase_ = Phase::held;
  ++timer_;  // whatever was armed is stale now
  session_.reset();
  ensured_ = false;
  clear_server_problems();
  report(stopped_on_request());
}

/// One step towards a machine without rules of ours. The language server goes first: it never runs
/// unmetered. One that we know nothing of is stopped by the helper before it removes the rules.
void Lifecycle::release_next() {
  redirect_lost_ = false;
  left_over_.clear();
  if (!ls_id_.empty() && !exit_detail_) {
    stop_ls(Phase::ensuring_bundle);  // unless capture is still not wanted then
    return;
  }
  ls_id_.clear();
  exit_detail_.reset();
  set_usable(false);
  ++timer_;  // whatever was armed is stale now
  session_.reset();
  ensured_ = false;
  phase_ = Phase::releasing;
  ask(RemoveRedirect{});
}

void Lifecycle::rest_released() {
  phase_ = Phase::released;
  helper_failures_ = 0;
  ls_failures_ = 0;
  crashes_ = 0;
  clear(kHelperProblem);
  clear(kHeldProblem);
  clear_server_problems();
  report(released_on_request());
}

/// Nobody waits for that now.
void Lifecycle::clear_server_problems() {
  for (const char* code :
       {kIdeProblem, kUserProblem, kScanProblem, kBinaryProblem, kServerProblem}) {
    clear(code);
  }
}

void Lifecycle::helper_failure(const Error& error, const std::string& what) {
  report(helper_problem(error, what));
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
  if (problems_.add(problem)) {
    emit(std::move(problem));
  }
}

void Lifecycle::clear(const char* code) {
  if (problems_.remove(code)) {
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
  if (released_) {
    release_next();
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
  const bool is_about_ls = phase_ == Phase::scanning || phase_ == Phase::waiting_for_ide ||
                           phase_ == Phase::starting || phase_ == Phase::probing ||
                           phase_ == Phase::running;
  if (held_ && is_about_ls) {
    if (ls_id_.empty()) {
      rest_held();
    } else {
      stop_ls(Phase::held);
    }
    return true;
  }
  if (std::exchange(restart_wanted_, false) && is_about_ls && !ls_id_.empty()) {
    stop_ls(Phase::ensuring_bundle);
    return true;
  }
  return false;
}

}  // namespace agp::control
