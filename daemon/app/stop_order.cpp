#include "daemon/app/stop_order.h"

namespace agp::app {

StopOrder::Step StopOrder::on_request() {
  if (!is_asked_for_) {
    is_asked_for_ = true;
    return on_own_accord();
  }
  return phase_ == Phase::finished ? Step::none : finish();
}

StopOrder::Step StopOrder::on_own_accord() {
  if (is_stopping()) {
    return Step::none;
  }
  phase_ = Phase::ending_old;
  return Step::end_old;
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
