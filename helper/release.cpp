#include "helper/release.h"

#include "common/log/log.h"

namespace agp::helper {
namespace {

constexpr char kService[] = "antigravity-proxy.service";
constexpr char kSocket[] = "antigravity-proxy-intercept.socket";
constexpr char kHelperService[] = "antigravity-proxy-helper.service";

bool is_for_good(ReleaseFor reason, os::SystemdUnits& units) {
  if (reason == ReleaseFor::administrator) {
    return true;
  }
  const char* unit = reason == ReleaseFor::service ? kService : kSocket;
  const auto job = units.job_type(unit);
  if (!job) {
    log::err("the service manager cannot be asked why this unit stops, leaving the rules in place",
             {{"UNIT", unit}, {"ERROR", job.error()}});
    return false;
  }
  return *job == "stop";
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
  if (reason == ReleaseFor::socket && !operations.is_anything_left()) {
    return {};  // the service has released, and a helper that runs now was called since
  }
  Result<> outcome;
  const auto keep_first = [&outcome](const Result<>& step) {
    if (!step && outcome) {
      outcome = step.error();
    }
  };
  // A helper that was killed cannot see to it that no language server outlives the rules: they go
  // with its descriptor store, when its unit is stopped.
  keep_first(operations.stop_all());
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
