#include "helper/os/unit_manager.h"

#include "common/base/unique_fd.h"
#include "common/log/log.h"
#include "helper/core/arguments.h"
#include "helper/core/errc.h"
#include "helper/os/unit_message.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace agp::os {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kManagerName[] = "org.freedesktop.systemd1";
constexpr char kPrivateSocket[] = "unix:path=/run/systemd/private";
constexpr char kManagerPath[] = "/org/freedesktop/systemd1";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";
constexpr char kUnit[] = "org.freedesktop.systemd1.Unit";
constexpr char kService[] = "org.freedesktop.systemd1.Service";
constexpr std::chrono::seconds kJobLimit{20};
constexpr std::uint64_t kCallLimitUsec = 10'000'000;

struct MessageUnref {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using MessagePtr = std::unique_ptr<sd_bus_message, MessageUnref>;

struct SlotUnref {
  void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
};
using SlotPtr = std::unique_ptr<sd_bus_slot, SlotUnref>;

class BusError {
 public:
  BusError() = default;
  BusError(const BusError&) = delete;
  BusError& operator=(const BusError&) = delete;
  ~BusError() { sd_bus_error_free(&error_); }
  sd_bus_error* get() { return &error_; }
  [[nodiscard]] bool is(const char* name) const {
    return sd_bus_error_has_name(&error_, name) == 1;
  }
  [[nodiscard]] const sd_bus_error& value() const { return error_; }

 private:
  sd_bus_error error_ = SD_BUS_ERROR_NULL;
};

/// One call; the answer in `reply`.
int call(sd_bus* bus, sd_bus_message* message, BusError& error, MessagePtr& reply) {
  sd_bus_message* raw = nullptr;
  const int r = sd_bus_call(bus, message, kCallLimitUsec, error.get(), &raw);
  reply.reset(raw);
  return r;
}

int new_manager_call(sd_bus* bus, const char* member, MessagePtr& message) {
  sd_bus_message* raw = nullptr;
  const int r =
      sd_bus_message_new_method_call(bus, &raw, kManagerName, kManagerPath, kManager, member);
  message.reset(raw);
  return r;
}

/// Why a unit did not start, in words a person can act on.
std::string start_failure(const core::UnitExit& exit) {
  constexpr std::int32_t kExitExec = 203;
  constexpr std::int32_t kExitNamespace = 226;
  constexpr std::int32_t kExitUser = 217;
  if (exit.status == kExitExec) {
    return "the language server could not be executed (203): is the file a program for this "
           "machine?";
  }
  if (exit.status == kExitNamespace) {
    return "its sandbox could not be set up (226): see journalctl -t antigravity-ls -t systemd";
  }
  if (exit.status == kExitUser) {
    return "the account antigravity-ls is missing (217): run systemd-sysusers";
  }
  return "the language server did not start (" + exit.result + ", status " +
         std::to_string(exit.status) + "): see journalctl -t antigravity-ls";
}

}  // namespace

// The result of one job. JobRemoved of others, and those that come before we know our job's path,
// are kept apart by path.
struct SystemdUnits::JobWait {
  std::string job;
  std::vector<std::pair<std::string, std::string>> removed;  // job path, result
  SlotPtr match;

  static int on_removed(sd_bus_message* message, void* data, sd_bus_error* /*error*/) {
    auto* self = static_cast<JobWait*>(data);
    std::uint32_t id = 0;
    const char* job = nullptr;
    const char* unit = nullptr;
    const char* result = nullptr;
    if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) >= 0) {
      self->removed.emplace_back(job, result);
    }
    return 0;
  }

  int listen(sd_bus* bus, bool is_private) {
    sd_bus_slot* slot = nullptr;
    const int r = sd_bus_match_signal(bus, &slot, is_private ? nullptr : kManagerName, kManagerPath,
                                      kManager, "JobRemoved", on_removed, this);
    match.reset(slot);
    return r;
  }
};

SystemdUnits::SystemdUnits() = default;
SystemdUnits::~SystemdUnits() = default;

Result<sd_bus*> SystemdUnits::bus() {
  if (bus_ && sd_bus_is_open(bus_.get()) > 0) {
    return bus_.get();
  }
  bus_.reset();
  held_.clear();
  is_private_ = false;
  if (past_the_bus_) {
    open_private_socket();
  }
  if (!bus_) {
    if (auto opened = open_system_bus(); !opened) {
      return opened.error();
    }
  }
  return bus_.get();
}

// Leaves no connection where there is none to be had. Who is connected there is told of all jobs.
void SystemdUnits::open_private_socket() {
  sd_bus* raw = nullptr;
  if (sd_bus_new(&raw) < 0) {
    return;
  }
  bus_.reset(raw);
  is_private_ = sd_bus_set_address(raw, kPrivateSocket) >= 0 && sd_bus_start(raw) >= 0;
  if (!is_private_) {
    bus_.reset();
  }
}

Result<> SystemdUnits::open_system_bus() {
  sd_bus* raw = nullptr;
  if (const int r = sd_bus_open_system(&raw); r < 0) {
    return errno_error(-r, "connecting to the service manager");
  }
  bus_.reset(raw);
  BusError error;
  // Without it no JobRemoved is sent.
  const int r = sd_bus_call_method(raw, kManagerName, kManagerPath, kManager, "Subscribe",
                                   error.get(), nullptr, "");
  if (r < 0 && !error.is("org.freedesktop.systemd1.AlreadySubscribed")) {
    auto problem = failure("subscribing to the service manager", r, error.value());
    bus_.reset();
    return problem;
  }
  return {};
}

Error SystemdUnits::failure(const std::string& what, int number, const sd_bus_error& error) {
  const std::string why = error.message != nullptr ? error.message : std::strerror(-number);
  return {core::Errc::service_manager, what + ": " + why};
}

Result<std::string> SystemdUnits::wait_for_job(JobWait& wait) {
  const auto end = Clock::now() + kJobLimit;
  for (;;) {
    for (const auto& [job, result] : wait.removed) {
      if (job == wait.job) {
        return result;
      }
    }
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(end - Clock::now());
    if (left.count() <= 0) {
      return Error(core::Errc::unit, "the service manager did not finish the job in 20 seconds");
    }
    const int r = sd_bus_process(bus_.get(), nullptr);
    if (r < 0) {
      return errno_error(-r, "the connection to the service manager");
    }
    if (r == 0) {
      (void)sd_bus_wait(bus_.get(), static_cast<std::uint64_t>(left.count()));  // seen next time
    }
  }
}

Result<> SystemdUnits::start(const core::UnitSpec& spec) {
  auto connection = bus();
  if (!connection) {
    return connection.error();
  }
  JobWait wait;
  BusError error;
  MessagePtr message;
  MessagePtr reply;
  int r = wait.listen(*connection, is_private_);
  if (r >= 0) {
    r = new_manager_call(*connection, "StartTransientUnit", message);
  }
  if (r >= 0) {
    r = append_unit(message.get(), spec);
  }
  if (r >= 0) {
    r = call(*connection, message.get(), error, reply);
  }
  const char* job = nullptr;
  if (r >= 0) {
    r = sd_bus_message_read(reply.get(), "o", &job);
  }
  if (r < 0) {
    return failure("starting a unit", r, error.value());
  }
  held_.insert(spec.name);  // by AddRef
  wait.job = job;
  auto result = wait_for_job(wait);
  if (!result || *result != "done") {
    const auto exit = exit_of(spec.name);
    forget(spec.name);
    (void)stop(spec.name);  // whatever is left of it; the start's failure is what is reported
    return result ? Error(core::Errc::unit, start_failure(exit)) : result.error();
  }
  return {};
}

Result<std::string> SystemdUnits::run(core::UnitSpec spec, const core::RunLimits& limits) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return errno_error("pipe");
  }
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  // The program is not prepared for a descriptor that does not wait.
  (void)::fcntl(writing.get(), F_SETFL, 0);
  spec.properties.push_back({"StandardOutputFileDescriptor", core::Descriptor{writing.get()}});
  spec.properties.push_back({"StandardErrorFileDescriptor", core::Descriptor{writing.get()}});
  if (auto started = start(spec); !started) {
    return started.error();
  }
  writing.reset();
  auto output = read_until_end(reading.get(), spec.name, limits);
  (void)stop(spec.name);  // it has a limit of its own in any case
  forget(spec.name);
  return output;
}

Result<std::string> SystemdUnits::read_until_end(int fd,
                                                 const std::string& unit,
                                                 const core::RunLimits& limits) {
  // The service manager may keep the writing end for longer than the process lives, so that the end
  // of the process counts, and then whatever is in the pipe.
  constexpr int kLookEveryMs = 20;
  const auto end = Clock::now() + limits.time;
  std::string output;
  std::array<char, 16384> block{};
  bool has_ended = false;
  while (output.size() < limits.output_bytes) {
    const ssize_t n = ::read(fd, block.data(), block.size());
    if (n > 0) {
      output.append(block.data(), static_cast<std::size_t>(n));
      continue;
    }
    if (n == 0 || has_ended) {
      break;
    }
    if (errno != EAGAIN && errno != EINTR) {
      return errno_error("reading the output of " + unit);
    }
    if (Clock::now() >= end) {
      return Error(core::Errc::unit, "it did not end in time");
    }
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, kLookEveryMs) == 0) {
      const auto pid = main_pid(unit);
      has_ended = !pid || *pid == 0;
    }
  }
  output.resize(std::min(output.size(), limits.output_bytes));
  return output;
}

Result<> SystemdUnits::stop(const std::string& unit) {
  auto connection = bus();
  if (!connection) {
    return connection.error();
  }
  JobWait wait;
  BusError error;
  sd_bus_message* raw = nullptr;
  int r = wait.listen(*connection, is_private_);
  if (r >= 0) {
    r = sd_bus_call_method(*connection, kManagerName, kManagerPath, kManager, "StopUnit",
                           error.get(), &raw, "ss", unit.c_str(), "replace");
  }
  const MessagePtr reply(raw);
  if (error.is("org.freedesktop.systemd1.NoSuchUnit")) {
    return {};
  }
  const char* job = nullptr;
  if (r >= 0) {
    r = sd_bus_message_read(reply.get(), "o", &job);
  }
  if (r < 0) {
    return failure("stopping " + unit, r, error.value());
  }
  wait.job = job;
  auto result = wait_for_job(wait);
  if (!result) {
    return result.error();
  }
  return {};
}

void SystemdUnits::reset_failed(const std::string& unit) {
  auto connection = bus();
  if (!connection) {
    return;
  }
  BusError error;
  (void)sd_bus_call_method(*connection, kManagerName, kManagerPath, kManager, "ResetFailedUnit",
                           error.get(), nullptr, "s",
                           unit.c_str());  // cosmetic: a unit that did not fail is an error
}

Result<std::vector<core::UnitState>> SystemdUnits::language_servers() {
  auto connection = bus();
  if (!connection) {
    return connection.error();
  }
  BusError error;
  MessagePtr message;
  MessagePtr reply;
  int r = new_manager_call(*connection, "ListUnitsByPatterns", message);
  if (r >= 0) {
    const std::string pattern = std::string(core::kUnitPrefix) + "*.service";
    r = sd_bus_message_append(message.get(), "asas", 0, 1, pattern.c_str());
  }
  if (r >= 0) {
    r = call(*connection, message.get(), error, reply);
  }
  if (r >= 0) {
    r = sd_bus_message_enter_container(reply.get(), 'a', "(ssssssouso)");
  }
  if (r < 0) {
    return failure("listing language servers", r, error.value());
  }
  std::vector<core::UnitState> units;
  const char* name = nullptr;
  const char* active = nullptr;
  while (sd_bus_message_read(reply.get(), "(ssssssouso)", &name, nullptr, nullptr, &active, nullptr,
                             nullptr, nullptr, nullptr, nullptr, nullptr) > 0) {
    if (!core::id_of(name).empty()) {
      units.push_back({name, active});
    }
  }
  return units;
}

std::vector<core::UnitExit> SystemdUnits::take_exits() {
  auto units = language_servers();
  if (!units) {
    return {};
  }
  std::set<std::string> alive;
  for (const auto& unit : *units) {
    if (unit.active_state == "inactive" || unit.active_state == "failed") {
      continue;
    }
    alive.insert(unit.unit);
    if (held_.contains(unit.unit)) {
      continue;
    }
    // Started by a helper before us: hold it, so that its end can be read.
    BusError error;
    if (sd_bus_call_method(bus_.get(), kManagerName, kManagerPath, kManager, "RefUnit", error.get(),
                           nullptr, "s", unit.unit.c_str()) >= 0) {
      held_.insert(unit.unit);
    }
  }
  std::vector<core::UnitExit> exits;
  for (const auto& unit : std::set<std::string>(held_)) {
    if (!alive.contains(unit)) {
      exits.push_back(exit_of(unit));
      forget(unit);
    }
  }
  return exits;
}

core::UnitExit SystemdUnits::exit_of(const std::string& unit) {
  core::UnitExit exit{unit, "unknown", 0};
  auto path = unit_path(unit);
  if (!path) {
    return exit;
  }
  BusError error;
  char* text = nullptr;
  if (sd_bus_get_property_string(bus_.get(), kManagerName, path->c_str(), kService, "Result",
                                 error.get(), &text) >= 0) {
    exit.result = text;
    std::free(text);
  }
  BusError status_error;
  (void)sd_bus_get_property_trivial(bus_.get(), kManagerName, path->c_str(), kService,
                                    "ExecMainStatus", status_error.get(), 'i',
                                    &exit.status);  // stays 0 when it cannot be read
  return exit;
}

void SystemdUnits::forget(const std::string& unit) {
  if (held_.erase(unit) == 0) {
    return;
  }
  BusError error;
  (void)sd_bus_call_method(bus_.get(), kManagerName, kManagerPath, kManager, "UnrefUnit",
                           error.get(), nullptr, "s",
                           unit.c_str());  // a unit that is gone needs none
}

Result<std::string> SystemdUnits::unit_path(const std::string& unit) {
  auto connection = bus();
  if (!connection) {
    return connection.error();
  }
  BusError error;
  sd_bus_message* raw = nullptr;
  int r = sd_bus_call_method(*connection, kManagerName, kManagerPath, kManager, "GetUnit",
                             error.get(), &raw, "s", unit.c_str());
  const MessagePtr reply(raw);
  const char* path = nullptr;
  if (r >= 0) {
    r = sd_bus_message_read(reply.get(), "o", &path);
  }
  if (r < 0) {
    return failure("looking up " + unit, r, error.value());
  }
  return std::string(path);
}

Result<std::string> SystemdUnits::job_type(const std::string& unit) {
  auto path = unit_path(unit);
  if (!path) {
    return path.error();
  }
  BusError error;
  sd_bus_message* raw = nullptr;
  int r = sd_bus_get_property(bus_.get(), kManagerName, path->c_str(), kUnit, "Job", error.get(),
                              &raw, "(uo)");
  const MessagePtr reply(raw);
  std::uint32_t id = 0;
  const char* job = nullptr;
  if (r >= 0) {
    r = sd_bus_message_read(reply.get(), "(uo)", &id, &job);
  }
  if (r < 0) {
    return failure("asking for the job of " + unit, r, error.value());
  }
  if (id == 0) {
    return std::string();
  }
  char* text = nullptr;
  BusError type_error;
  r = sd_bus_get_property_string(bus_.get(), kManagerName, job, "org.freedesktop.systemd1.Job",
                                 "JobType", type_error.get(), &text);
  if (r < 0) {
    return failure("asking for the type of a job", r, type_error.value());
  }
  std::string type(text);
  std::free(text);
  return type;
}

// It needs BPF programs, which not every systemd was built with: Debian 12's was not.
bool SystemdUnits::can_restrict_interfaces() {
  auto connected = bus();
  if (!connected) {
    return false;
  }
  BusError error;
  char* text = nullptr;
  const int r = sd_bus_get_property_string(*connected, kManagerName, kManagerPath, kManager,
                                           "Features", error.get(), &text);
  const bool is_built_in =
      r >= 0 && std::string_view(text).find("+BPF_FRAMEWORK") != std::string_view::npos;
  std::free(text);
  return is_built_in;
}

// Limits are accepted and without effect where cgroup v2 has no controllers; then nothing is
// counted either. The unit that is asked is the one we run in, which is there.
std::optional<bool> SystemdUnits::enforces_limits() {
  auto path = unit_path("antigravity-proxy-helper.service");
  if (!path) {
    return std::nullopt;
  }
  BusError error;
  std::uint64_t bytes = 0;
  const int r = sd_bus_get_property_trivial(bus_.get(), kManagerName, path->c_str(), kService,
                                            "MemoryCurrent", error.get(), 't', &bytes);
  if (r < 0) {
    return std::nullopt;
  }
  return bytes != std::numeric_limits<std::uint64_t>::max();
}

Result<std::uint32_t> SystemdUnits::main_pid(const std::string& unit) {
  auto path = unit_path(unit);
  if (!path) {
    return path.error();
  }
  BusError error;
  std::uint32_t pid = 0;
  const int r = sd_bus_get_property_trivial(bus_.get(), kManagerName, path->c_str(), kService,
                                            "MainPID", error.get(), 'u', &pid);
  if (r < 0) {
    return failure("asking for the main process of " + unit, r, error.value());
  }
  return pid;
}

}  // namespace agp::os
