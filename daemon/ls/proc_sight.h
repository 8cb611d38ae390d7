#pragma once

#include "daemon/control/lifecycle.h"

#include <optional>
#include <string_view>
#include <vector>

#include <sys/types.h>

/// Whether the service can see the processes of other users. A core: texts come in.
namespace agp::ls {

/// How /proc is mounted. Source: proc(5), mount options; the kernel writes words or numbers.
enum class Hidepid {
  off,         // 0
  noaccess,    // 1: they are listed, but cannot be read
  invisible,   // 2: they are not listed
  ptraceable,  // 4: as 2, and no group is exempt
};

struct ProcMount {
  Hidepid hidepid = Hidepid::off;
  gid_t gid = 0;  // this group sees everything, except with `ptraceable`
};

/// @param mountinfo  /proc/self/mountinfo; what is mounted last on /proc counts.
[[nodiscard]] ProcMount proc_mount(std::string_view mountinfo);

/// Who looks.
struct Looker {
  uid_t uid = 0;
  std::vector<gid_t> groups;
  bool may_trace_all = false;  // CAP_SYS_PTRACE
};

/// @param status  /proc/self/status; what is missing there is nobody's right.
[[nodiscard]] Looker looker(std::string_view status);

[[nodiscard]] bool sees_others(const ProcMount& mount, const Looker& who);

/// What stands in the way of seeing the processes of `wanted`, and what to do about it.
/// @param wanted     the user whose session is looked for; none: anybody's.
/// @param is_denied  a command line was refused in the last look. Without hidepid the kernel never
///                   does that by itself.
[[nodiscard]] std::optional<control::Obstacle> obstacle(const ProcMount& mount,
                                                        const Looker& who,
                                                        std::optional<uid_t> wanted,
                                                        bool is_denied);

}  // namespace agp::ls
