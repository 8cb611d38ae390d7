#include "daemon/app/tasks.h"

#include "common/log/log.h"

#include <exception>

namespace agp::app {

void log_unhandled(const std::exception_ptr& problem, const char* task) {
  if (!problem) {
    return;
  }
  try {
    std::rethrow_exception(problem);
  } catch (const std::exception& e) {
    log::err("bug: an exception ended a task", {{"TASK", task}, {"ERROR", e.what()}});
  }
}

}  // namespace agp::app
