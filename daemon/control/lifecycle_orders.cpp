#include "daemon/control/lifecycle.h"

/// What people ask of the life cycle.
namespace agp::control {

void Lifecycle::hold(TimePoint now) {
  held_ = true;
  restart_wanted_ = false;
  if (in_flight_) {
    return;  // settled with the answer
  }
  switch (phase_) {
    case Phase::waiting_for_ide:
      rest_held();
      return;
    case Phase::backing_off:
      if (blame_ == Blame::language_server) {
        rest_held();
      }
      return;  // else capture is not there yet; the next cycle ends in the hold
    case Phase::probing:
    case Phase::running:
      (void)settle(now);  // it does settle
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

void Lifecycle::resume(TimePoint now) {
  held_ = false;
  ls_failures_ = 0;
  crashes_ = 0;
  clear(kHeldProblem);
  if (phase_ == Phase::held || phase_ == Phase::backing_off) {
    next_attempt();
  } else if (phase_ == Phase::stopping_ls && after_stop_ == Phase::held) {
    after_stop_ = Phase::ensuring_bundle;
  } else if (phase_ == Phase::waiting_for_ide && !in_flight_) {
    scan(now);
  }
}

void Lifecycle::restart(TimePoint now) {
  resume(now);
  const bool has_one =
      phase_ == Phase::starting || phase_ == Phase::probing || phase_ == Phase::running;
  if (!has_one) {
    return;  // one that is stopping comes back by itself
  }
  restart_wanted_ = true;
  if (!in_flight_) {
    (void)settle(now);  // it does settle
  }
}

void Lifecycle::release(TimePoint) {
  if (phase_ == Phase::stopping || phase_ == Phase::stopped ||
      (phase_ == Phase::idle && !settings_.capture)) {
    return;  // nothing is captured
  }
  released_ = true;
  restart_wanted_ = false;
  // What is under way is answered first; what is released already stays so.
  if (!in_flight_ && phase_ != Phase::released) {
    release_next();
  }
}

void Lifecycle::capture(TimePoint) {
  released_ = false;
  const bool is_at_rest = phase_ == Phase::idle || phase_ == Phase::released ||
                          (phase_ == Phase::backing_off && blame_ == Blame::helper);
  if (is_at_rest && !in_flight_) {
    clear(kReleasedProblem);
    begin_cycle();
  }
}

}  // namespace agp::control
