#include "cli/report/surroundings.h"

#include "cli/doctor/file_facts.h"
#include "helper/os/command.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include <pwd.h>
#include <sys/utsname.h>

namespace agp::cli::report {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfiguration = "/etc/antigravity-proxy";
constexpr uid_t kFirstUser = 1000;  // UID_MIN of login.defs as Debian has it
constexpr uid_t kNobody = 65534;

std::string said_by(const std::string& program, const std::vector<std::string>& arguments) {
  const auto result = os::run_command(program, arguments, "");
  return result && result->exit_status == 0 ? result->output : "";
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

std::string os_name() {
  std::istringstream lines(doctor::read_text("/etc/os-release"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("PRETTY_NAME=")) {
      line.erase(std::remove(line.begin(), line.end(), '"'), line.end());
      return line.substr(12);
    }
  }
  return {};
}

std::vector<std::string> users() {
  std::vector<std::string> out;
  ::setpwent();
  while (const auto* entry = ::getpwent()) {
    if (entry->pw_uid >= kFirstUser && entry->pw_uid != kNobody) {
      out.emplace_back(entry->pw_name);
    }
  }
  ::endpwent();
  return out;
}

std::map<std::string, std::string> configuration() {
  std::map<std::string, std::string> out;
  std::error_code error;
  for (fs::recursive_directory_iterator it(kConfiguration, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file(error) && it->path().extension() == ".yaml") {
      out[it->path().string()] = doctor::read_text(it->path().string());
    }
  }
  return out;
}

std::vector<std::string> journal() {
  const auto text =
      said_by("/usr/bin/journalctl", {"--no-pager", "--quiet", "--lines=200", "--output=short-iso",
                                      "--no-hostname", "--unit=antigravity-*"});
  std::vector<std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    out.push_back(line);
  }
  return out;
}

}  // namespace

Surroundings read_surroundings() {
  Surroundings out;
  utsname kernel{};
  if (::uname(&kernel) == 0) {
    out.system["kernel"] =
        std::string(kernel.sysname) + " " + kernel.release + " " + kernel.machine;
    out.machine_name = kernel.nodename;
  }
  out.system["os"] = os_name();
  out.system["systemd"] = first_line(said_by("/usr/bin/systemctl", {"--version"}));
  out.system["iptables"] = first_line(said_by("/usr/sbin/iptables", {"--version"}));
  for (const char* package : {"antigravity-proxy", "dbus", "polkitd", "nftables", "libssl3",
                              "libssl3t64", "ca-certificates"}) {
    const auto version = said_by("/usr/bin/dpkg-query", {"-W", "-f", "${Version}", package});
    if (!version.empty()) {
      out.system[std::string("package ") + package] = version;
    }
  }
  out.users = users();
  out.configuration = configuration();
  out.journal = journal();
  return out;
}

}  // namespace agp::cli::report
