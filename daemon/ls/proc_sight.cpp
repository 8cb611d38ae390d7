#include "daemon/ls/proc_sight.h"

#include "daemon/ls/words.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace agp::ls {
namespace {

constexpr unsigned kCapSysPtrace = 19;  // linux/capability.h

Hidepid hidepid_of(std::string_view value) {
  if (value == "1" || value == "noaccess") {
    return Hidepid::noaccess;
  }
  if (value == "2" || value == "invisible") {
    return Hidepid::invisible;
  }
  return value == "4" || value == "ptraceable" ? Hidepid::ptraceable : Hidepid::off;
}

const char* to_string(Hidepid hidepid) {
  switch (hidepid) {
    case Hidepid::off:
      return "off";
    case Hidepid::noaccess:
      return "noaccess";
    case Hidepid::invisible:
      return "invisible";
    case Hidepid::ptraceable:
      return "ptraceable";
  }
  return "unknown";
}

/// Calls back for each piece of a text that `separator` splits.
template <class Each>
void for_each_part(std::string_view text, char separator, const Each& each) {
  while (!text.empty()) {
    const auto end = text.find(separator);
    each(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

}  // namespace

ProcMount proc_mount(std::string_view mountinfo) {
  ProcMount mount;
  for_each_part(mountinfo, '\n', [&mount](std::string_view line) {
    // 22 28 0:21 / /proc rw,nosuid shared:5 - proc proc rw,hidepid=invisible,gid=27
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos || word(line, 4) != "/proc" ||
        word(line.substr(dash + 3), 0) != "proc") {
      return;
    }
    mount = ProcMount{};
    for_each_part(word(line.substr(dash + 3), 2), ',', [&mount](std::string_view option) {
      if (option.starts_with("hidepid=")) {
        mount.hidepid = hidepid_of(option.substr(8));
      } else if (option.starts_with("gid=")) {
        mount.gid = to_number<gid_t>(option.substr(4)).value_or(0);
      }
    });
  });
  return mount;
}

Looker looker(std::string_view status) {
  Looker who;
  who.uid = static_cast<uid_t>(-1);
  for_each_part(status, '\n', [&who](std::string_view line) {
    if (line.starts_with("Uid:")) {  // real, effective, saved, file system: the last one counts
      who.uid = to_number<uid_t>(word(line.substr(4), 3)).value_or(who.uid);
    } else if (line.starts_with("Gid:")) {
      if (const auto gid = to_number<gid_t>(word(line.substr(4), 3))) {
        who.groups.push_back(*gid);
      }
    } else if (line.starts_with("Groups:")) {
      for_each_part(line.substr(7), ' ', [&who](std::string_view text) {
        if (const auto gid = to_number<gid_t>(word(text, 0))) {
          who.groups.push_back(*gid);
        }
      });
    } else if (line.starts_with("CapEff:")) {
      const std::string_view text = word(line.substr(7), 0);
      std::uint64_t bits = 0;
      (void)std::from_chars(text.data(), text.data() + text.size(), bits, 16);  // else no right
      who.may_trace_all = (bits >> kCapSysPtrace & 1U) != 0;
    }
  });
  return who;
}

bool sees_others(const ProcMount& mount, const Looker& who) {
  if (mount.hidepid == Hidepid::off || who.may_trace_all) {
    return true;
  }
  return mount.hidepid != Hidepid::ptraceable &&
         std::find(who.groups.begin(), who.groups.end(), mount.gid) != who.groups.end();
}

std::optional<control::Obstacle> obstacle(const ProcMount& mount,
                                          const Looker& who,
                                          std::optional<uid_t> wanted,
                                          bool is_denied) {
  if (wanted == who.uid) {
    return std::nullopt;  // one's own processes are never hidden
  }
  if (sees_others(mount, who)) {
    if (!is_denied) {
      return std::nullopt;
    }
    return control::Obstacle{
        "the service may not read the command lines of some processes, so the IDE may run unseen",
        "a security module (SELinux, AppArmor) refuses it: see the audit log for "
        "antigravity-proxy-finder, and allow it to read the process state of users"};
  }
  std::string message = std::string("/proc is mounted with hidepid=") + to_string(mount.hidepid) +
                        ", so the service cannot see whether the IDE runs";
  if (mount.hidepid == Hidepid::ptraceable) {
    return control::Obstacle{
        std::move(message),
        "no group is exempt from that: mount /proc with hidepid=invisible,gid=GROUP instead (or "
        "take ProtectProc=ptraceable out of drop-ins), and add SupplementaryGroups=GROUP to "
        "antigravity-proxy-finder.service (systemctl edit antigravity-proxy-finder.service)"};
  }
  if (mount.gid == 0) {
    return control::Obstacle{
        std::move(message),
        "mount /proc with gid=GROUP beside hidepid (or take ProtectProc= out of drop-ins), and "
        "add SupplementaryGroups=GROUP to antigravity-proxy-finder.service (systemctl edit "
        "antigravity-proxy-finder.service)"};
  }
  return control::Obstacle{std::move(message),
                           "add SupplementaryGroups=" + std::to_string(mount.gid) +
                               " to [Service] of antigravity-proxy-finder.service (systemctl "
                               "edit antigravity-proxy-finder.service) and restart it: that group "
                               "may see all processes"};
}

}  // namespace agp::ls
