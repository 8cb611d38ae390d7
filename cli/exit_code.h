#pragma once

/// The one table of exit codes (sysexits.h where it has a word for it).
namespace agp::cli {

enum class Exit {
  ok = 0,
  failed = 1,        // failed, or the service is degraded
  not_active = 3,    // the service is not running (as systemctl says it)
  usage = 64,        // the command line is wrong
  data = 65,         // the daemon refused a parameter, or its answer cannot be read
  unavailable = 69,  // the daemon cannot be reached
  refused = 77,      // not allowed
  // Of run, as env(1) has them. Once the program is started its own code counts.
  cannot_execute = 126,
  not_found = 127,
};

}  // namespace agp::cli
