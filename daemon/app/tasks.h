#pragma once

#include <exception>

namespace agp::app {

/// For the completion of a task. An exception that reaches it is a bug: the task is over, the
/// process goes on.
/// @param problem  null: there was none.
void log_unhandled(const std::exception_ptr& problem, const char* task);

}  // namespace agp::app
