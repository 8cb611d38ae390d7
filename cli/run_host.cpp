#include "cli/run_host.h"

#include "cli/bus_call.h"
#include "helper/core/captured_scopes.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include <grp.h>
#include <pwd.h>
#include <sys/random.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

namespace agp::cli {
namespace {

constexpr const char* kHelper = "org.antigravityproxy.Helper1";
constexpr const char* kHelperPath = "/org/antigravityproxy/Helper1";
constexpr const char* kManager = "org.freedesktop.systemd1";
constexpr const char* kManagerPath = "/org/freedesktop/systemd1";
constexpr const char* kManagerInterface = "org.freedesktop.systemd1.Manager";
constexpr std::uint64_t kHelperPatience = 60'000'000;  // microseconds; others may have work for it
constexpr std::chrono::seconds kScopePatience{20};
constexpr std::uint64_t kLookEvery = 50'000;  // microseconds

Failure no_manager(uid_t user) {
  const auto name = std::to_string(user);
  return {Exit::unavailable, "no_user_manager",
          "no service manager of user " + name + " is running, and a scope needs one",
          "log in (desktop or ssh, not su), or as root: loginctl enable-linger " + name +
              ", or as root: antigravity-proxy run --user " + name + " -- ..."};
}

Failure no_scope(const std::string& why, const std::string& remedy = {}) {
  return {Exit::unavailable, "no_scope", "the service manager made no scope: " + why,
          remedy.empty() ? "see: systemctl --user status" : remedy};
}

/// A manager of a user asks that of the system to move a process from one session into another. It
/// does not come back to a system bus that was restarted.
Failure not_moved(bool is_root) {
  return no_scope("this process was not moved into it",
                  is_root ? "see: systemctl status"
                          : "was the system bus restarted since you logged in? Then: systemctl "
                            "--user daemon-reexec");
}

/// The manager's own socket: it needs no session bus, and no environment that su has spoiled.
Bus open_user_manager(uid_t user) {
  const std::string path = "/run/user/" + std::to_string(user) + "/systemd/private";
  sd_bus* raw = nullptr;
  if (::access(path.c_str(), F_OK) != 0 || sd_bus_new(&raw) < 0) {
    return nullptr;
  }
  Bus bus(raw);
  const std::string address = "unix:path=" + path;
  if (sd_bus_set_address(raw, address.c_str()) < 0 || sd_bus_start(raw) < 0) {
    return nullptr;
  }
  return bus;
}

Bus open_system() {
  sd_bus* raw = nullptr;
  return sd_bus_open_system(&raw) < 0 ? nullptr : Bus(raw);
}

int fill_scope(sd_bus_message* message, const std::string& unit, const std::string& slice) {
  const auto pid = static_cast<std::uint32_t>(::getpid());
  int result = sd_bus_message_append(message, "ss", unit.c_str(), "fail");
  if (result >= 0) {
    result = sd_bus_message_append(message, "a(sv)", 4, "Description", "s",
                                   "Program started by antigravity-proxy run", "Slice", "s",
                                   slice.c_str(), "CollectMode", "s", "inactive-or-failed", "PIDs",
                                   "au", 1, pid);
  }
  return result < 0 ? result : sd_bus_message_append(message, "a(sa(sv))", 0);
}

std::string own_cgroups() {
  std::ifstream file("/proc/self/cgroup");
  return {std::istreambuf_iterator<char>(file), {}};
}

bool has_cgroup2(std::string_view proc_cgroup) {
  return proc_cgroup.starts_with("0::") || proc_cgroup.find("\n0::") != std::string_view::npos;
}

/// The job that moves us is over once the kernel says where we are.
bool wait_until_in(sd_bus* bus, const std::string& unit) {
  const auto end = std::chrono::steady_clock::now() + kScopePatience;
  while (!is_in_unit(own_cgroups(), unit)) {
    if (std::chrono::steady_clock::now() >= end || sd_bus_wait(bus, kLookEvery) < 0) {
      return false;
    }
    // Signals are nothing to us; read all the same, or the wait would not wait.
    while (sd_bus_process(bus, nullptr) > 0) {
    }
  }
  return true;
}

Failure failure_of(const BusError& error, int result) {
  const auto name = error.name();
  const auto text = error.text(result);
  if (name == "org.antigravityproxy.Error.NotProtected") {
    return {Exit::unavailable, "not_capturing", "antigravity-proxy captures nothing now: " + text,
            "see why with: antigravity-proxy status"};
  }
  if (name == SD_BUS_ERROR_LIMITS_EXCEEDED) {
    return {Exit::unavailable, "limit", text, "try again later"};
  }
  if (error.is_denied()) {
    return {Exit::refused, "refused", "capture is not allowed: " + text,
            "ask your administrator about the polkit action org.antigravityproxy.capture-scope"};
  }
  return helper_failure(error, result);
}

}  // namespace

bool is_in_unit(std::string_view proc_cgroup, std::string_view unit) {
  const std::string end = "/" + std::string(unit);
  while (!proc_cgroup.empty()) {
    const auto line = proc_cgroup.substr(0, proc_cgroup.find('\n'));
    if (line.starts_with("0::") && line.ends_with(end)) {
      return true;
    }
    proc_cgroup.remove_prefix(std::min(line.size() + 1, proc_cgroup.size()));
  }
  return false;
}

uid_t SystemRunHost::uid() const {
  return ::geteuid();
}

std::optional<RunUser> SystemRunHost::user_named(const std::string& name) const {
  const struct passwd* found = ::getpwnam(name.c_str());
  if (found == nullptr) {
    return std::nullopt;
  }
  return RunUser{found->pw_uid, found->pw_gid, found->pw_name, found->pw_dir, found->pw_shell};
}

std::string SystemRunHost::fresh_id() {
  std::array<unsigned char, 16> random{};
  // So few octets are never cut short, and the pool is filled long before anybody logs in.
  (void)::getrandom(random.data(), random.size(), 0);
  std::string id;
  for (const auto byte : random) {
    std::array<char, 3> digits{};
    (void)std::snprintf(digits.data(), digits.size(), "%02x", byte);
    id += digits.data();
  }
  return id;
}

std::optional<Failure> SystemRunHost::enter_scope(const std::string& id, uid_t user) {
  const bool is_root = uid() == 0;
  const auto bus = is_root ? open_system() : open_user_manager(user);
  if (!bus) {
    return is_root ? no_bus(-ECONNREFUSED) : no_manager(user);
  }
  if (!has_cgroup2(own_cgroups())) {
    return no_scope("this machine has no cgroup2, boot with systemd.unified_cgroup_hierarchy=1");
  }
  const auto unit = agp::core::scope_unit(id);
  const auto slice = is_root ? "user-" + std::to_string(user) + ".slice" : std::string("app.slice");
  sd_bus_message* raw = nullptr;
  int result = sd_bus_message_new_method_call(bus.get(), &raw, kManager, kManagerPath,
                                              kManagerInterface, "StartTransientUnit");
  const Message request(raw);
  BusError error;
  if (result >= 0) {
    result = fill_scope(raw, unit, slice);
  }
  if (result >= 0) {
    result = sd_bus_call(bus.get(), raw, 0, &error.error, nullptr);
  }
  if (result < 0) {
    return no_scope(error.text(result));
  }
  if (!wait_until_in(bus.get(), unit)) {
    return not_moved(is_root);
  }
  return std::nullopt;
}

Answer<std::string> SystemRunHost::capture_scope(const std::string& id, uid_t user) {
  const auto bus = open_system();
  if (!bus) {
    return no_bus(-ECONNREFUSED);
  }
  sd_bus_message* raw = nullptr;
  int result = sd_bus_message_new_method_call(bus.get(), &raw, kHelper, kHelperPath, kHelper,
                                              "CaptureScope");
  const Message request(raw);
  BusError error;
  sd_bus_message* raw_reply = nullptr;
  if (result >= 0) {
    result = sd_bus_message_append(raw, "su", id.c_str(), static_cast<std::uint32_t>(user));
  }
  if (result >= 0) {
    result = sd_bus_call(bus.get(), raw, kHelperPatience, &error.error, &raw_reply);
  }
  const Message reply(raw_reply);
  const char* bundle = nullptr;
  if (result >= 0) {
    result = sd_bus_message_read(raw_reply, "s", &bundle);
  }
  if (result < 0) {
    return failure_of(error, result);
  }
  return std::string(bundle);
}

std::optional<std::string> SystemRunHost::environment(const std::string& name) const {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

void SystemRunHost::set_environment(const std::string& name, const std::string& value) {
  (void)::setenv(name.c_str(), value.c_str(), 1);  // fails only without memory
}

std::optional<Failure> SystemRunHost::become(const RunUser& user) {
  if (::initgroups(user.name.c_str(), user.gid) != 0 || ::setgid(user.gid) != 0 ||
      ::setuid(user.uid) != 0) {
    return Failure{Exit::failed, "cannot_become",
                   "cannot become " + user.name + ": " + std::strerror(errno),
                   "run it with all rights of root"};
  }
  return std::nullopt;
}

void SystemRunHost::say(const std::string& text) {
  (void)std::fputs(text.c_str(), stderr);  // nobody is left to be told
}

int SystemRunHost::execute(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const auto& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  ::execvp(argv.front(), argv.data());
  return errno;
}

}  // namespace agp::cli
