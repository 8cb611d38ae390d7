#include "common/base/unique_fd.h"
#include "common/bus/connection.h"
#include "common/log/log.h"
#include "helper/bus/adaptor.h"
#include "helper/bus/authority.h"
#include "helper/config.h"
#include "helper/core/ide_patch.h"
#include "helper/core/operations.h"
#include "helper/core/resolvers.h"
#include "helper/os/accounts.h"
#include "helper/os/cgroup_tree.h"
#include "helper/os/descriptor_store.h"
#include "helper/os/extension_store.h"
#include "helper/os/iptables.h"
#include "helper/os/owner_table.h"
#include "helper/os/runtime_directory.h"
#include "helper/os/trusted_file.h"
#include "helper/os/unit_manager.h"
#include "helper/release.h"
#include "helper/rule_guard.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fcntl.h>
#include <sys/random.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
using agp::helper::ReleaseFor;
using Seconds = std::chrono::seconds;

constexpr char kUsage[] =
    "Usage: antigravity-proxy-helper [--idle-timeout SECONDS] [--config FILE]\n"
    "       antigravity-proxy-helper --release [--for service|socket] [--config FILE]\n"
    "       antigravity-proxy-helper --check-ide-patch | --revert-ide-patch [--config FILE]\n"
    "\n"
    "The root helper of antigravity-proxy. The first form serves org.antigravityproxy.Helper1 on\n"
    "the system bus, is started by the bus, and exits when idle (300 seconds by default).\n"
    "\n"
    "  --release        stop the language servers that the helper started, remove its firewall\n"
    "                   rules and files, and exit; changes nothing when nothing is there\n"
    "  --for UNIT       used by the units themselves: do so only when the stop is for good\n"
    "  --check-ide-patch   say in the journal whether an update of the IDE undid ide-patch\n"
    "  --revert-ide-patch  put back every file that ide-patch changed, remove its backups, exit\n"
    "  --idle-timeout N exit after N seconds without a call, a language server, a captured "
    "command\n"
    "                   and rules\n"
    "  --config FILE    instead of /etc/antigravity-proxy/helper.yaml\n"
    "  --version, --help\n";

constexpr int kExitUsage = 64;
constexpr char kUnit[] = "antigravity-proxy-helper.service";

struct Options {
  Seconds idle_timeout{300};
  std::string config = "/etc/antigravity-proxy/helper.yaml";
  std::optional<ReleaseFor> release;
  bool check_ide_patch = false;
  bool revert_ide_patch = false;
  bool help = false;
  bool version = false;
};

std::optional<ReleaseFor> release_for(std::string_view word) {
  if (word == "service") {
    return ReleaseFor::service;
  }
  if (word == "socket") {
    return ReleaseFor::socket;
  }
  return std::nullopt;
}

std::optional<Seconds> seconds_of(std::string_view word) {
  int number = 0;
  const auto end = word.data() + word.size();
  const auto parsed = std::from_chars(word.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end || number < 1) {
    return std::nullopt;
  }
  return Seconds(number);
}

std::optional<Options> parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--help") {
      options.help = true;
    } else if (word == "--version") {
      options.version = true;
    } else if (word == "--check-ide-patch") {
      options.check_ide_patch = true;
    } else if (word == "--revert-ide-patch") {
      options.revert_ide_patch = true;
    } else if (word == "--release") {
      options.release = options.release.value_or(ReleaseFor::administrator);
    } else if (word == "--for" && release_for(value)) {
      options.release = release_for(value);
      ++i;
    } else if (word == "--config" && value.starts_with("/")) {
      options.config = value;
      ++i;
    } else if (word == "--idle-timeout" && seconds_of(value)) {
      options.idle_timeout = *seconds_of(value);
      ++i;
    } else {
      return std::nullopt;
    }
  }
  return options;
}

agp::Result<std::string> random_id() {
  std::array<unsigned char, 16> random{};
  if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return agp::errno_error("random id");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string id;
  for (const auto byte : random) {
    id += kDigits[byte >> 4];
    id += kDigits[byte & 0x0f];
  }
  return id;
}

/// Outside name servers as they are now; none when nobody can say.
std::vector<std::string> resolvers() {
  constexpr std::size_t kMaxBytes = 64 * 1024;
  const agp::UniqueFd file(::open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.is_open()) {
    return {};
  }
  const auto text = agp::os::read_all(file.get(), kMaxBytes);
  return text ? agp::core::resolvers_of(*text) : std::vector<std::string>();
}

/// The real machine behind the ports.
struct Machine {
  /// @param store of the service; null for what runs once: it cannot hold rules.
  explicit Machine(const std::string& config,
                   agp::os::DescriptorStore* store = nullptr,
                   std::function<bool()> hears_changes = {})
      : owner_table(store),
        operations({&firewall, &directory, &accounts, &programs, &units, &directory,
                    [config] { return agp::helper::load_settings(config); },
                    [] { return static_cast<std::int64_t>(std::time(nullptr)); }, random_id,
                    resolvers, &cgroups, &directory, std::move(hears_changes), &other_firewall,
                    &owner_table}),
        ide_patch(
            &extensions, &directory, [config] { return agp::helper::load_settings(config); }) {}

  agp::os::Iptables firewall;
  agp::os::OtherIptables other_firewall;
  agp::os::NftOwnerTable owner_table;
  agp::os::RuntimeDirectory directory;
  agp::os::SystemAccounts accounts;
  agp::os::RootPrograms programs;
  agp::os::SystemdUnits units;
  agp::os::ExtensionStore extensions;
  agp::os::CgroupTree cgroups;
  agp::core::Operations operations;
  agp::core::IdePatch ide_patch;
};

int release(const Options& options) {
  Machine machine(options.config);
  auto done = agp::helper::run_release(*options.release, machine.operations, machine.units,
                                       machine.directory);
  if (!done) {
    agp::log::err("not everything could be removed: run antigravity-proxy-helper --release again",
                  {{"ERROR", done.error()}});
    return 1;
  }
  return 0;
}

/// For the path unit: somebody changed a file that ide-patch may have patched.
int check_ide_patch(const Options& options) {
  Machine machine(options.config);
  auto seen = machine.ide_patch.look();
  if (!seen) {
    agp::log::err("the extension of the IDE cannot be checked", {{"ERROR", seen.error()}});
    return 1;
  }
  for (const auto& file : seen->files) {
    if (file.state == agp::core::ExtensionState::undone) {
      agp::log::warning(
          "an update of the IDE undid ide-patch, leaving it: run antigravity-proxy ide-patch apply "
          "or ide-patch forget",
          {{"FILE", file.path},
           {"SHA256", file.sha256},
           {"BACKUP_SHA256", file.backup_sha256},
           {"DETAIL", file.detail}});
    }
  }
  return 0;
}

/// For the package's removal: nothing of ours stays in the IDE.
int revert_ide_patch(const Options& options) {
  using agp::core::ExtensionState;
  Machine machine(options.config);
  auto done = machine.ide_patch.revert(agp::core::ExtensionFiles::WhenUndone::forget);
  if (!done) {
    agp::log::err("the extension of the IDE was not put back", {{"ERROR", done.error()}});
    return 1;
  }
  int status = 0;
  for (const auto& file : done->files) {
    // What cannot be looked at was not patched by us; what still is, could not be put back.
    if (file.state == ExtensionState::patched || !file.backup_sha256.empty()) {
      agp::log::err("a file of the IDE was not put back",
                    {{"FILE", file.path}, {"DETAIL", file.detail}});
      status = 1;
    }
  }
  return status;
}

/// Runs the bus object until nobody needs it.
class Service {
 public:
  explicit Service(const Options& options)
      : options_(options),
        machine_(options.config, &store_, [this] { return guard_.hears(); }),
        guard_(io_, [this] { watch(true); }),
        watch_timer_(io_),
        signals_(io_) {}

  int run() {
    auto connection = agp::bus::Connection::open_system(io_.get_executor(), [this](agp::Error e) {
      agp::log::err("lost the bus, leaving", {{"ERROR", e}});
      failed_ = true;
      io_.stop();
    });
    if (!connection) {
      agp::log::err("cannot serve without the system bus", {{"ERROR", connection.error()}});
      return 1;
    }
    connection_ = std::move(*connection);
    authority_.emplace(connection_.get());
    adaptor_.emplace(connection_.get(), &*authority_, &machine_.operations, &machine_.ide_patch,
                     [this] { note_call(); });
    connection_->start();
    if (auto owned = connection_->request_name(agp::helper::kBusName); !owned) {
      agp::log::err("cannot own the bus name, is another helper running?",
                    {{"ERROR", owned.error()}});
      return 1;
    }
    // Leftovers of a previous start are taken into view before the first call is served.
    machine_.operations.adopt();
    (void)look_at(false);  // exits are told once somebody listens
    guard_.start();
    guard_.update(machine_.operations.keeps_rules());
    (void)::sd_notify(0, "READY=1");  // not started by a service manager: nobody to tell
    listen_for_signals();
    note_activity();
    schedule_watch();
    io_.run();
    (void)::sd_notify(0, "STOPPING=1");
    if (adaptor_->calls_in_flight() > 0) {
      // Only when the bus is lost. Calls that wait for polkit use adaptor and connection until io_
      // ends them, which is after both.
      ::_exit(failed_ ? 1 : 0);
    }
    return failed_ ? 1 : 0;
  }

 private:
  // A poll, because the answer must be right even if a signal was lost while a call blocked.
  static constexpr std::chrono::milliseconds kWatchInterval{500};

  agp::core::WatchReport look_at(bool verify) {
    auto found = machine_.operations.watch(verify);
    servers_run_ = found.servers_run;
    scopes_run_ = found.scopes_run;
    return found;
  }

  [[nodiscard]] bool is_needed() const { return servers_run_ || scopes_run_; }

  void note_activity() { last_activity_ = std::chrono::steady_clock::now(); }

  // A call may have put rules in place, or taken them back.
  void note_call() {
    note_activity();
    guard_.update(machine_.operations.keeps_rules());
  }

  void listen_for_signals() {
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.async_wait([this](boost::system::error_code ec, int) {
      if (!ec) {
        stop_servers_that_lose_rules();
        leave();
      }
    });
  }

  /// When we are stopped for good the service manager gives up the rules that we hold. It keeps
  /// them over a restart.
  void stop_servers_that_lose_rules() {
    const auto job = machine_.units.job_type(kUnit);
    if (job && job->ends_with("restart")) {
      return;
    }
    if (auto stopped = machine_.operations.let_go(); !stopped) {
      agp::log::err("a language server may run on without redirect rules",
                    {{"ERROR", stopped.error()}});
    }
  }

  void schedule_watch() {
    watch_timer_.expires_after(kWatchInterval);
    watch_timer_.async_wait([this](boost::system::error_code ec) {
      if (!ec) {
        look();
      }
    });
  }

  void watch(bool verify) {
    const auto found = look_at(verify);
    if (!found.exits.empty() || is_needed()) {
      note_activity();
    }
    adaptor_->report(found);
    guard_.update(machine_.operations.keeps_rules());
  }

  void look() {
    // An idle helper asks nobody; a start by us is seen because calls are activity.
    const auto quiet = std::chrono::steady_clock::now() - last_activity_;
    if (is_needed() || adaptor_->calls_in_flight() > 0 || quiet < 4 * kWatchInterval) {
      watch(false);
    }
    if (quiet >= options_.idle_timeout && !is_needed() && adaptor_->calls_in_flight() == 0 &&
        !machine_.operations.keeps_rules()) {
      agp::log::info("idle, leaving");
      leave();
      return;
    }
    schedule_watch();
  }

  // The name first: a call that comes now starts the next helper instead of dying with this one.
  void leave() {
    (void)connection_->release_name(agp::helper::kBusName);  // we leave either way
    watch_timer_.expires_after(std::chrono::milliseconds(100));
    watch_timer_.async_wait([this](boost::system::error_code) { finish(); });
  }

  // Calls that had arrived before are answered.
  void finish() {
    if (adaptor_->calls_in_flight() == 0) {
      io_.stop();
      return;
    }
    watch_timer_.expires_after(kWatchInterval);
    watch_timer_.async_wait([this](boost::system::error_code) { finish(); });
  }

  Options options_;
  asio::io_context io_{1};
  agp::os::ServiceStore store_;
  Machine machine_;
  agp::helper::RuleGuard guard_;
  std::unique_ptr<agp::bus::Connection> connection_;
  std::optional<agp::helper::Authority> authority_;
  std::optional<agp::helper::Adaptor> adaptor_;
  asio::steady_timer watch_timer_;
  asio::signal_set signals_;
  std::chrono::steady_clock::time_point last_activity_;
  bool servers_run_ = false;
  bool scopes_run_ = false;
  bool failed_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse(argc, argv);
  if (!options) {
    std::fputs(kUsage, stderr);
    return kExitUsage;
  }
  if (options->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (options->version) {
    std::puts("antigravity-proxy-helper " AGP_VERSION);
    return 0;
  }
  agp::log::init("antigravity-proxy-helper");
  if (options->release) {
    return release(*options);
  }
  if (options->check_ide_patch) {
    return check_ide_patch(*options);
  }
  if (options->revert_ide_patch) {
    return revert_ide_patch(*options);
  }
  return Service(*options).run();
}
