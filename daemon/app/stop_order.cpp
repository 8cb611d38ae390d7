#include "daemon/app/stop_order.h"

namespace agp::app {

StopOrder::Step StopOrder::on_request() {
  switch (phase_) {
    case Phase::running:
      phase_ = Phase::ending_old;
      return Step::end_old;
    case Phase::ending_old:
    case Phase::draining:
    case Phase::stopping_ls:
      return finish();
    case Phase::finished:
      break;
  }
  return Step::none;
}

StopOrder::Step StopOrder::on_old_ended() {
  if (phase_ != Phase::ending_old) {
    return Step::none;
  }
  phase_ = Phase::draining;
  return Step::drain;
}

StopOrder::Step StopOrder::on_drained(bool can_stop_ls) {
  if (phase_ != Phase::draining) {
    return Step::none;
  }
  if (!can_stop_ls) {
    return finish();
  }
  phase_ = Phase::stopping_ls;
  return Step::stop_ls;
}

StopOrder::Step StopOrder::on_ls_stopped() {
  // Streams of other programs may be alive: while they are, the end of this one changes nothing.
  return phase_ == Phase::stopping_ls ? finish() : Step::none;
}

StopOrder::Step StopOrder::finish() {
  phase_ = Phase::finished;
  return Step::finish;
}

}  // namespace agp::app
