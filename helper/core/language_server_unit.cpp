#include "helper/core/language_server_unit.h"

namespace agp::core {
namespace {

constexpr char kHome[] = "/var/lib/antigravity-ls";
constexpr std::uint64_t kGiB = 1024ULL * 1024 * 1024;
constexpr std::uint64_t kMemoryMax = 4 * kGiB;
constexpr std::uint64_t kDataMax = 6 * kGiB;
constexpr std::uint64_t kNoCapabilities = 0;
constexpr std::uint64_t kNoNamespaces = 0;

using Strings = std::vector<std::string>;

Strings environment(const std::string& bundle_path) {
  return {std::string("HOME=") + kHome, "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
          // Go replaces the system store by the file but keeps its directories.
          "SSL_CERT_FILE=" + bundle_path, "SSL_CERT_DIR=/dev/null",
          "NODE_EXTRA_CA_CERTS=" + bundle_path, "CURL_CA_BUNDLE=" + bundle_path,
          "REQUESTS_CA_BUNDLE=" + bundle_path, "GIT_SSL_CAINFO=" + bundle_path,
          "DENO_CERT=" + bundle_path,
          // Below MemoryMax: the collector works harder before the kernel kills.
          "GOMEMLIMIT=3584MiB"};
}

void add_execution(std::vector<Property>& p, const Command& command) {
  p.push_back({"Type", std::string("exec")});  // a program that cannot be executed fails the start
  // systemd 252 keeps ExecStartEx in a form that it cannot read again: after a daemon-reload, which
  // every update of the system does, the running unit would have lost all its settings.
  p.push_back({command.flags.empty() ? "ExecStart" : "ExecStartEx", command});
  p.push_back({"User", std::string("antigravity-ls")});
  p.push_back({"Group", std::string("antigravity-ls")});
  p.push_back({"StateDirectory", Strings{"antigravity-ls"}});
  p.push_back({"StateDirectoryMode", std::uint32_t{0700}});
  p.push_back({"WorkingDirectory", std::string(kHome)});
  p.push_back({"UMask", std::uint32_t{0077}});
}

void add_streams(std::vector<Property>& p, UnitStreams streams) {
  p.push_back({"StandardInputFileDescriptor", Descriptor{streams.input}});
  if (streams.log >= 0) {
    p.push_back({"StandardOutputFileDescriptor", Descriptor{streams.log}});
    p.push_back({"StandardErrorFileDescriptor", Descriptor{streams.log}});
    return;
  }
  p.push_back({"StandardOutput", std::string("journal")});
  p.push_back({"StandardError", std::string("journal")});
  p.push_back({"SyslogIdentifier", std::string("antigravity-ls")});
  p.push_back({"LogRateLimitIntervalUSec", std::uint64_t{30'000'000}});
  p.push_back({"LogRateLimitBurst", std::uint32_t{2000}});
}

void add_life_cycle(std::vector<Property>& p) {
  // It ends with the socket that its connections are redirected to, which outlasts a restart of the
  // daemon and no stop. The daemon lets live streams end first, then has it stopped: bound to the
  // daemon itself it would be stopped before (Debian 13 does that at a restart too). PartOf= or
  // BindsTo= would start it again with its input at the end. Source: security reference, section 2,
  // fact 3.
  p.push_back({"StopPropagatedFrom", Strings{"antigravity-proxy-intercept.socket"}});
  p.push_back({"After", Strings{"antigravity-proxy-intercept.socket"}});
  p.push_back({"CollectMode", std::string("inactive-or-failed")});
  p.push_back({"AddRef", true});  // keeps its result readable until the helper has seen it
  p.push_back({"KillMode", std::string("control-group")});
  p.push_back({"TimeoutStopUSec", std::uint64_t{5'000'000}});
}

void add_sandbox(std::vector<Property>& p) {
  for (const char* name :
       {"NoNewPrivileges", "PrivateTmp", "PrivateDevices", "PrivateIPC", "PrivateUsers",
        "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs",
        "ProtectControlGroups", "ProtectClock", "ProtectHostname", "RestrictRealtime",
        "RestrictSUIDSGID", "LockPersonality", "MemoryDenyWriteExecute", "RemoveIPC"}) {
    p.push_back({name, true});
  }
  p.push_back({"ProtectSystem", std::string("strict")});
  p.push_back({"ProtectHome", std::string("yes")});
  p.push_back({"ProtectProc", std::string("invisible")});
  p.push_back({"ProcSubset", std::string("pid")});
  p.push_back({"KeyringMode", std::string("private")});
  p.push_back({"DevicePolicy", std::string("closed")});
  p.push_back({"CapabilityBoundingSet", kNoCapabilities});
  p.push_back({"RestrictNamespaces", kNoNamespaces});
  p.push_back({"RestrictAddressFamilies",
               // Go's net.Interfaces needs netlink.
               FilterList{true, {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}}});
  p.push_back({"SystemCallArchitectures", Strings{"native"}});
  p.push_back({"SystemCallFilter", FilterList{true, {"@system-service"}}});
  p.push_back({"SystemCallFilter", FilterList{false,
                                              {"@privileged", "@resources", "@mount", "@debug",
                                               "@cpu-emulation", "@obsolete", "@raw-io", "@reboot",
                                               "@swap", "@module", "@clock", "@keyring"}}});
  p.push_back({"SystemCallErrorNumber", std::int32_t{1}});  // EPERM
  p.push_back({"ReadOnlyPaths", Strings{"/run"}});
  p.push_back(
      {"InaccessiblePaths", Strings{"-/run/dbus", "-/run/systemd/private", "-/run/user",
                                    "-/dev/shm", "-/run/antigravity-proxy", "-/var/log",
                                    "-/var/lib/antigravity-proxy", "-/etc/antigravity-proxy"}});
}

void add_limits(std::vector<Property>& p) {
  p.push_back({"MemoryMax", kMemoryMax});
  // Where the kernel has no controller for MemoryMax, Go ends by itself at this one.
  p.push_back({"LimitDATA", kDataMax});
  p.push_back({"TasksMax", std::uint64_t{512}});
  p.push_back({"LimitNPROC", std::uint64_t{512}});
  p.push_back({"LimitNOFILE", std::uint64_t{8192}});
  p.push_back({"LimitFSIZE", 2 * kGiB});
  p.push_back({"LimitCORE", std::uint64_t{0}});
  p.push_back({"OOMPolicy", std::string("kill")});
  p.push_back({"OOMScoreAdjust", std::int32_t{500}});
}

/// One argument as the service manager must read it, so that a $ in it stays one.
std::string literal(const std::string& argument) {
  std::string out;
  for (const char c : argument) {
    out += c;
    if (c == '$') {
      out += c;
    }
  }
  return out;
}

UnitSpec unit_for(const std::string& name,
                  const std::string& description,
                  Command command,
                  const std::string& bundle_path) {
  UnitSpec unit;
  unit.name = name;
  auto& p = unit.properties;
  p.push_back({"Description", description});
  add_execution(p, command);
  p.push_back({"Environment", environment(bundle_path)});
  add_life_cycle(p);
  add_sandbox(p);
  add_limits(p);
  return unit;
}

}  // namespace

UnitSpec language_server_unit(const std::string& id,
                              const std::string& binary,
                              const StartPlan& plan,
                              const std::string& bundle_path,
                              const std::string& secrets_path,
                              UnitStreams streams,
                              Interfaces interfaces) {
  Strings argv{literal(binary)};
  argv.insert(argv.end(), plan.arguments.begin(), plan.arguments.end());
  // Expansion is wanted here: every local user may read the arguments of a unit, but not the file
  // with what ${NAME} stands for. All other arguments are checked and have no $.
  auto unit = unit_for(unit_of(id), "Antigravity language server " + id.substr(0, 8),
                       Command{binary, argv, {}}, bundle_path);
  unit.properties.push_back({"EnvironmentFiles", EnvironmentFiles{{secrets_path}}});
  add_streams(unit.properties, streams);
  if (interfaces == Interfaces::loopback) {
    // What is redirected goes to loopback by then. IPAddressDeny= would cut that off as well.
    // Source: security reference, section 2, facts 1 and 2.
    unit.properties.push_back({"RestrictNetworkInterfaces", FilterList{true, {"lo"}}});
  }
  return unit;
}

UnitSpec help_unit(const std::string& id,
                   const std::string& binary,
                   const std::string& bundle_path,
                   std::chrono::seconds limit) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(limit).count();
  auto unit = unit_for(help_unit_of(id), "Flags of the Antigravity language server",
                       Command{binary, {binary, "--help"}, {"no-env-expand"}}, bundle_path);
  unit.properties.push_back({"StandardInput", std::string("null")});
  unit.properties.push_back({"PrivateNetwork", true});
  unit.properties.push_back({"RuntimeMaxUSec", static_cast<std::uint64_t>(micros)});
  return unit;
}

}  // namespace agp::core
