#include "helper/release.h"

#include "common/log/log.h"
#include "helper/core/release.h"

namespace agp::helper {
namespace {

constexpr char kService[] = "antigravity-proxy.service";
constexpr char kCapture[] = "antigravity-proxy-capture.service";
constexpr char kHelperService[] = "antigravity-proxy-helper.service";

bool is_for_good(ReleaseFor reason, os::SystemdUnits& units) {
  if (reason == ReleaseFor::administrator) {
    return true;
  }
  core::StopContext context;
  const char* unit = reason == ReleaseFor::service ? kService : kCapture;
  auto job = units.job_type(unit);
  if (!job) {
    log::err("the service manager cannot be asked why this unit stops, leaving the rules in place",
             {{"UNIT", unit}, {"ERROR", job.error()}});
    return false;
  }
  context.job_type = *job;
  if (auto pid = units.main_pid(kService)) {
    context.main_process_runs = *pid != 0;
  }
  return reason == ReleaseFor::service ? core::releases_after_service(context)
                                       : core::releases_with_capture(context);
}

}  // namespace

Result<> run_release(ReleaseFor reason,
                     core::Operations& operations,
                     os::SystemdUnits& units,
                     os::RuntimeDirectory& directory) {
  units.go_past_the_bus();
  if (!is_for_good(reason, units)) {
    return {};
  }
  Result<> outcome;
  const auto keep_first = [&outcome](const Result<>& step) {
    if (!step && outcome) {
      outcome = step.error();
    }
  };
  if (reason != ReleaseFor::administrator) {
    // Not waited for: the sockets stop after the service, and the service waits for us. From now
    // on they start nothing any more.
    keep_first(units.request_stop("antigravity-proxy-api.socket"));
    keep_first(units.request_stop("antigravity-proxy-intercept.socket"));
  }
  // Whatever it is doing must not put back what is removed here.
  keep_first(units.stop(kHelperService));
  units.reset_failed(kHelperService);
  keep_first(operations.release());
  keep_first(directory.remove());
  if (outcome) {
    log::info("everything of the helper's is removed");
  }
  return outcome;
}

}  // namespace agp::helper
