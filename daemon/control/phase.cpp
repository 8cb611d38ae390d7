#include "daemon/control/phase.h"

namespace agp::control {

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
    case Phase::held:
      return "stopped-on-request";
    case Phase::releasing:
      return "releasing-redirect";
    case Phase::released:
      return "capture-off";
    case Phase::stopping:
      return "stopping";
    case Phase::stopped:
      return "stopped";
  }
  return "unknown";
}

}  // namespace agp::control
