#include "daemon/control/lifecycle.h"

#include "daemon/control/errors.h"

#include <algorithm>
#include <utility>

namespace agp::control {
namespace {

constexpr std::size_t kEarlyExits = 16;
constexpr unsigned kMissedHeartbeats = 3;

// So many ends in a row are no accident any more.
constexpr unsigned kCrashLoop = 3;

}  // namespace

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

bool Lifecycle::is_crash_loop() const {
  return crashes_ >= kCrashLoop && phase_ != Phase::held;
}

bool Lifecycle::is_settled() const {
  if (restart_wanted_) {
    return false;
  }
  switch (phase_) {
    case Phase::idle:
    case Phase::capturing:
    case Phase::backing_off:
    case Phase::held:
    case Phase::released:
    case Phase::stopped:
      return true;
    case Phase::waiting_for_ide:
    case Phase::running:
      return !held_;
    case Phase::ensuring_bundle:
    case Phase::ensuring_redirect:
    case Phase::asking_helper:
    case Phase::clearing:
    case Phase::scanning:
    case Phase::starting:
    case Phase::probing:
    case Phase::stopping_ls:
    case Phase::releasing:
    case Phase::stopping:
      return false;
  }
  return false;
}

bool Lifecycle::is_capture_settled() const {
  switch (phase_) {
    case Phase::idle:
    case Phase::backing_off:
    case Phase::released:
    case Phase::stopping:
    case Phase::stopped:
      return true;
    case Phase::ensuring_bundle:
    case Phase::ensuring_redirect:
    case Phase::capturing:
    case Phase::asking_helper:
    case Phase::clearing:
    case Phase::scanning:
    case Phase::waiting_for_ide:
    case Phase::starting:
    case Phase::probing:
    case Phase::running:
    case Phase::stopping_ls:
    case Phase::held:
    case Phase::releasing:
      return capturing_ && !released_;
  }
  return false;
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
  clear(kHelperProblem);
  set_capturing(true);
  ensured_ = true;
  if (!settings_.manage_ls) {
    phase_ = Phase::capturing;
    return;
  }
  phase_ = Phase::asking_helper;
  ask(QueryHelper{});
}

void Lifecycle::on_redirect_removed(Result<> outcome, TimePoint now) {
  in_flight_ = false;
  if (outcome || outcome.error().code == Errc::helper_failed) {
    set_capturing(false);  // a part of it may be gone
  }
  if (phase_ == Phase::stopping) {
    (void)settle(now);  // it does settle
  } else if (!released_) {
    begin_cycle();
  } else if (outcome) {
    rest_released();
  } else {
    helper_failure(outcome.error(), "take the redirect away");
  }
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
    report(scan_problem(outcome.error(), settings_.user));
    phase_ = Phase::waiting_for_ide;
    ensured_ = false;
    arm(settings_.rescan);
    return;
  }
  if (!outcome->obstacle) {
    clear(kScanProblem);
  }
  if (!outcome->session) {
    wait_for_ide(*outcome);
    return;
  }
  clear(kIdeProblem);
  clear(kUserProblem);
  session_ = std::move(outcome->session);
  if (ensured_) {
    start_ls();
  } else {
    begin_cycle();
  }
}

void Lifecycle::on_scan_while_running(Result<ScanOutcome> outcome, TimePoint now) {
  if (!outcome) {  // not being able to look is no sign that the IDE went away
    report(scan_problem(outcome.error(), settings_.user));
    look_later(now);
    return;
  }
  clear(kScanProblem);
  if (outcome->session == session_) {
    if (is_crash_loop() && now - ready_at_ >= settings_.proven_after) {
      crashes_ = 0;
      clear(kServerProblem);
    }
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
    clear(kBinaryProblem);
    phase_ = Phase::probing;
    probe(now);
    return;
  }
  const auto code = outcome.error().code;
  if (code == Errc::helper_unreachable || code == Errc::helper_denied) {
    helper_failure(outcome.error(), "start the language server");
    return;
  }
  report(server_not_started(outcome.error()));
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
      if (!is_crash_loop()) {  // that takes longer to be believed
        clear(kServerProblem);
      }
      set_usable(true);
    }
    look_later(now);
    return;
  }
  if (phase_ == Phase::probing) {
    if (std::exchange(listening_, false)) {
      probe(now);
      return;
    }
    if (now - started_at_ < settings_.ready_limit) {
      arm(settings_.probe_pause);
      return;
    }
    report(server_silent(outcome.error()));
    crashes_ = 0;
    stop_ls(Phase::backing_off);
    return;
  }
  if (++missed_heartbeats_ < kMissedHeartbeats) {
    probed_at_ = now - settings_.heartbeat;  // ask again at the next look
    look_later(now);
    return;
  }
  report(server_fell_silent(outcome.error()));
  crashes_ = 0;
  stop_ls(Phase::backing_off);
}

void Lifecycle::on_ls_listening(TimePoint now) {
  if (phase_ == Phase::starting || (phase_ == Phase::probing && in_flight_)) {
    listening_ = true;
  } else if (phase_ == Phase::probing) {
    probe(now);
  }
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
  } else if (held_) {
    rest_held();
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
  std::string detail = end_text(result, status);
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
    next_attempt();
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
  if (released_) {
    return;  // that is what was asked for
  }
  redirect_lost_ = true;
  if (!in_flight_) {
    (void)settle(now);
  }
}

void Lifecycle::on_redirect_back(TimePoint) {
  if (phase_ == Phase::released && !in_flight_) {
    release_next();
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
      next_attempt();
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
    case Phase::held:
    case Phase::releasing:
    case Phase::released:
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

}  // namespace agp::control
