#pragma once

#include "cli/doctor/sources.h"

#include <string>
#include <string_view>

/// What the kernel and the account database say.
namespace agp::cli::doctor {

/// All but the synchronization of the clock, which is asked on the bus.
[[nodiscard]] Machine read_machine();

/// @param mountinfo  of /proc/self
/// @return the value of hidepid= where /proc is mounted with it; else empty.
[[nodiscard]] std::string hidepid_in(std::string_view mountinfo);

}  // namespace agp::cli::doctor
