#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"
#include "daemon/api/rfc3339.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

namespace agp::cli::doctor {
namespace {

constexpr std::uint64_t kMebibyte = 1024 * 1024;
constexpr std::uint64_t kEnoughBytes = 64 * kMebibyte;  // a day of records and its checkpoints
constexpr std::uint64_t kEnoughFiles = 100;
constexpr std::int64_t kClockSlack = 300;  // seconds

std::string utc(std::int64_t unix_time) {
  return api::to_rfc3339(usage::Micros(std::chrono::seconds(unix_time)));
}

Finding machine_accounts(Facts& facts) {
  const auto& missing = facts.machine().missing_accounts;
  if (missing.empty()) {
    return ok("antigravity-proxy and antigravity-ls exist");
  }
  std::string seen;
  for (const auto& account : missing) {
    add_to(seen, "there is no account " + account);
  }
  return wrong(seen,
               "systemd-sysusers /usr/lib/sysusers.d/antigravity-proxy.conf; then: systemctl "
               "restart antigravity-proxy");
}

Finding machine_cgroup(Facts& facts) {
  return facts.machine().has_cgroup2
             ? ok("cgroup v2 is mounted")
             : unknown("cgroup v2 is not mounted at /sys/fs/cgroup",
                       "only \"antigravity-proxy run\" and limits of memory need it; boot with "
                       "systemd.unified_cgroup_hierarchy=1");
}

Finding machine_firewall(Facts& facts) {
  const auto has_iptables = facts.machine().has_iptables;
  const auto* helper = std::get_if<Helper>(&facts.helper());
  if (helper != nullptr && helper->firewall_backend == "nftables") {
    return ok("nftables: " + helper->firewall_reason);
  }
  if (helper != nullptr && !has_iptables) {
    return wrong("rules are to be held by iptables, which is not installed",
                 "install the package iptables, or set firewall.backend to auto in helper.yaml");
  }
  return has_iptables ? ok("iptables is installed")
                      : unknown(
                            "iptables is not installed; whether the kernel's nf_tables serve "
                            "instead, the helper knows",
                            kRunAsRoot);
}

Finding machine_ipv6(Facts& facts) {
  return facts.machine().has_ipv6 ? ok("IPv6 is there")
                                  : not_applicable("the kernel has no IPv6; IPv4 is enough");
}

Finding machine_polkit(Facts& facts) {
  const auto& answer = facts.system_bus();
  if (const auto* failure = std::get_if<Failure>(&answer)) {
    return wrong(failure->message, failure->hint);
  }
  const auto& bus = std::get<SystemBus>(answer);
  if (!bus.polkit_problem.empty()) {
    return wrong("polkit does not answer, so that the helper obeys nobody: " + bus.polkit_problem,
                 "install the package polkitd and check it: systemctl status polkit; if it is "
                 "masked: systemctl unmask polkit");
  }
  return bus.has_our_actions
             ? ok("polkit answers and knows our actions")
             : wrong(
                   "polkit does not know the actions org.antigravityproxy.*",
                   "install antigravity-proxy again: "
                   "/usr/share/polkit-1/actions/org.antigravityproxy.policy is missing or faulty");
}

Finding machine_proc(Facts& facts) {
  // The unit that looks may have a view of its own: ProtectProc= of a drop-in.
  if (const auto* problem = facts.problem("process-scan")) {
    return wrong(text_of(*problem, "message"), text_of(*problem, "remedy"));
  }
  const auto& hidepid = facts.machine().hidepid;
  return ok(hidepid.empty() ? "/proc shows the processes of all users"
                            : "/proc is mounted with hidepid=" + hidepid +
                                  "; the service has no trouble with it");
}

Finding machine_clock(Facts& facts) {
  const auto now = facts.machine().now;
  const auto& synchronized = facts.machine().is_synchronized;
  const auto text = utc(now) + (!synchronized   ? ""
                                : *synchronized ? ", synchronized"
                                                : ", not synchronized");
  constexpr const char* kSetIt =
      "set the clock: timedatectl set-ntp true; then: systemctl restart "
      "antigravity-proxy";
  if (const auto& trust = facts.trust(); trust.not_before > now + kClockSlack) {
    return wrong("the clock says " + text + ", but our certificate was made at " +
                     utc(trust.not_before) + ": the clock is wrong, or was",
                 kSetIt);
  }
  const auto newest = facts.newest_record();
  if (!newest.empty() && newest > utc(now + kClockSlack)) {
    return wrong("the clock says " + text + ", but the newest record is of " + newest +
                     ": the clock is wrong, or was",
                 kSetIt);
  }
  return ok(text);
}

std::string trouble_of(const FileSystem& disk) {
  if (!disk.problem.empty()) {
    return disk.path + ": " + disk.problem;
  }
  if (disk.is_read_only) {
    return disk.path + " is on a file system that is mounted read-only";
  }
  if (disk.free_bytes < kEnoughBytes) {
    return disk.path + " has " + grouped(disk.free_bytes / kMebibyte) + " MiB left";
  }
  if (disk.files != 0 && disk.free_files < kEnoughFiles) {
    return disk.path + " has " + grouped(disk.free_files) + " inodes left";
  }
  return {};
}

Finding machine_disk(Facts& facts) {
  std::string seen;
  std::string troubles;
  std::string remedy;
  for (const auto& disk : facts.machine().file_systems) {
    add_to(seen, disk.path + ": " + grouped(disk.free_bytes / kMebibyte) + " MiB left");
    const auto trouble = trouble_of(disk);
    if (trouble.empty()) {
      continue;
    }
    add_to(troubles, trouble);
    add_to(remedy,
           disk.is_read_only
               ? "see why in: journalctl -k; then: mount -o remount,rw on the file system of " +
                     disk.path
               : "free space: df -h " + disk.path + ", df -i " + disk.path +
                     ", journalctl --vacuum-size=100M");
  }
  return troubles.empty() ? ok(seen) : wrong(troubles, remedy);
}

constexpr std::array kChecks{
    Check{"machine.accounts", "machine", "the accounts of the service exist", machine_accounts},
    Check{"machine.cgroup", "machine", "cgroup v2 is mounted", machine_cgroup},
    Check{"machine.firewall", "machine", "rules can be made", machine_firewall},
    Check{"machine.ipv6", "machine", "the kernel has IPv6", machine_ipv6},
    Check{"machine.polkit", "machine", "polkit answers and knows our actions", machine_polkit},
    Check{"machine.proc", "machine", "the processes of users can be seen", machine_proc},
    Check{"machine.clock", "machine", "the clock fits certificate and records", machine_clock},
    Check{"machine.disk", "machine", "there is room to write", machine_disk},
};

}  // namespace

std::span<const Check> machine_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
