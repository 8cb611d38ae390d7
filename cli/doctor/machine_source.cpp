#include "cli/doctor/machine_source.h"

#include "cli/doctor/file_facts.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <sstream>

#include <pwd.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace agp::cli::doctor {
namespace {

constexpr const char* kAccounts[] = {"antigravity-proxy", "antigravity-ls"};
constexpr const char* kPrograms[] = {"antigravity-proxyd", "antigravity-proxy-helper",
                                     "antigravity-proxy-finder"};
constexpr const char* kDirectories[] = {"/var/lib/antigravity-proxy", "/run"};

// As the helper looks for them.
bool has_iptables() {
  return ::access("/usr/sbin/iptables-restore", X_OK) == 0 ||
         ::access("/sbin/iptables-restore", X_OK) == 0;
}

FileSystem look_at(const char* path) {
  FileSystem out;
  out.path = path;
  struct statvfs seen {};
  if (::statvfs(path, &seen) != 0) {
    out.problem = std::strerror(errno);
    return out;
  }
  // The root's reserve is not for the service.
  out.free_bytes = std::uint64_t{seen.f_bavail} * seen.f_frsize;
  out.files = seen.f_files;
  out.free_files = seen.f_favail;
  out.is_read_only = (seen.f_flag & ST_RDONLY) != 0;
  return out;
}

bool is_proc(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string word;
  for (int i = 0; i < 5; ++i) {
    words >> word;  // the fifth is where it is mounted: proc(5)
  }
  return word == "/proc" && line.find(" - proc ") != std::string_view::npos;
}

}  // namespace

std::string hidepid_in(std::string_view mountinfo) {
  std::string value;
  std::istringstream lines{std::string(mountinfo)};
  for (std::string line; std::getline(lines, line);) {
    if (!is_proc(line)) {
      continue;
    }
    // A later mount covers the earlier one.
    value.clear();
    std::istringstream options(line.substr(line.rfind(' ') + 1));
    for (std::string option; std::getline(options, option, ',');) {
      if (option.starts_with("hidepid=")) {
        value = option.substr(8);
      }
    }
  }
  return value == "0" || value == "off" ? "" : value;
}

Machine read_machine() {
  Machine out;
  for (const char* account : kAccounts) {
    if (::getpwnam(account) == nullptr) {
      out.missing_accounts.emplace_back(account);
    }
  }
  out.has_cgroup2 = ::access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
  out.has_ipv6 = ::access("/proc/net/if_inet6", F_OK) == 0;
  out.has_iptables = has_iptables();
  out.hidepid = hidepid_in(read_text("/proc/self/mountinfo"));
  for (const char* name : kPrograms) {
    out.programs.push_back(look_at_file(std::string("/usr/libexec/antigravity-proxy/") + name));
  }
  out.now = std::time(nullptr);
  for (const char* directory : kDirectories) {
    out.file_systems.push_back(look_at(directory));
  }
  return out;
}

}  // namespace agp::cli::doctor
