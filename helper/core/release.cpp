#include "helper/core/release.h"

namespace agp::core {

bool releases_after_service(const StopContext& context) {
  return context.job_type == "stop";
}

bool releases_with_capture(const StopContext& context) {
  // PartOf= turns a restart of the service into a restart of this unit. When the daemon still
  // runs, it would put back what is removed now; ExecStopPost= comes after it.
  return context.job_type == "stop" && !context.main_process_runs;
}

}  // namespace agp::core
