#include "tests/cli/doctor/healthy.h"

#include <cctype>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

/// The catalogue of faults, as far as facts can play them: what doctor says of each.
namespace agp::cli {
namespace {

using State = Finding::State;
using Stage = doctor::Reach::Stage;
using Words = std::vector<std::string>;

struct Fault {
  const char* id;  // as in docs/troubleshooting.md
  void (*inject)(HealthyMachine& machine);
  const char* check;
  Words cause;
  Words remedy;
  /// What fails as well, because it is the same fault or follows from it.
  std::set<std::string> others = {};
};

void stop_service(HealthyMachine& machine) {
  machine.sources.unit(doctor::kServiceUnit).active_state = "inactive";
  for (const char* name : {"antigravity-proxy-api.socket", "antigravity-proxy-intercept.socket",
                           "antigravity-proxy-finder.socket"}) {
    machine.sources.unit(name).active_state = "inactive";
  }
  machine.daemon.status_answer =
      Failure{Exit::not_active, "not_active", "antigravity-proxy is not running", "start it"};
}

void take_port(HealthyMachine& machine, const char* unit, const char* address) {
  stop_service(machine);
  machine.sources.unit(unit).active_state = "failed";
  machine.sources.unit(unit).result = "resources";
  machine.sources.listeners_seen = {{address, 8741, 33, "nginx (process 812)"}};
}

void break_captured(HealthyMachine& machine, Stage stage, const char* problem) {
  for (auto& reach : machine.sources.captured_seen.list) {
    reach.stage = stage;
    reach.problem = problem;
  }
}

const std::set<std::string> kDegraded = {"service.problems"};

const std::vector<Fault>& catalogue() {
  static const std::vector<Fault> kFaults = {
      {"account-missing",
       [](HealthyMachine& m) { m.sources.machine_seen.missing_accounts = {"antigravity-ls"}; },
       "machine.accounts",
       {"no account antigravity-ls"},
       {"systemd-sysusers"}},
      {"iptables-missing",
       [](HealthyMachine& m) {
         m.sources.machine_seen.has_iptables = false;
         m.sources.helper_state().firewall_backend = "iptables";
       },
       "machine.firewall",
       {"iptables", "not installed"},
       {"install the package iptables"}},
      {"bus-gone",
       [](HealthyMachine& m) {
         const Failure gone{Exit::unavailable, "no_bus", "the system bus cannot be reached: gone",
                            "check that dbus.service runs"};
         m.sources.bus_seen = gone;
         m.sources.units_seen = gone;
         m.sources.helper_seen = gone;
         m.daemon.status_answer = gone;
         // Of its sockets, which nobody can say.
         m.sources.listeners_seen = {{"127.0.0.1:8741", 8741, 0, "systemd (process 1)"}};
       },
       "machine.polkit",
       {"the system bus cannot be reached"},
       {"dbus.service"},
       {"service.reachable", "units.service"}},
      {"polkit-gone",
       [](HealthyMachine& m) {
         m.sources.bus_seen = doctor::SystemBus{true, "Unit polkit.service is masked.", false};
       },
       "machine.polkit",
       {"polkit does not answer", "masked"},
       {"unmask polkit"}},
      {"polkit-actions-missing",
       [](HealthyMachine& m) {
         m.sources.bus_seen = doctor::SystemBus{true, "", false};
       },
       "machine.polkit",
       {"does not know the actions"},
       {"org.antigravityproxy.policy"}},
      {"hidepid",
       [](HealthyMachine& m) {
         m.sources.machine_seen.hidepid = "invisible";
         m.complain("process-scan",
                    "/proc is mounted with hidepid=invisible, so the service cannot see the IDE",
                    "add SupplementaryGroups=27");
       },
       "machine.proc",
       {"hidepid=invisible", "cannot see"},
       {"SupplementaryGroups=27"},
       kDegraded},
      {"clock-before-certificate",
       [](HealthyMachine& m) { m.sources.machine_seen.now -= 86400; },
       "machine.clock",
       {"our certificate was made at", "the clock is wrong"},
       {"timedatectl"}},
      {"clock-before-records",
       [](HealthyMachine& m) {
         m.daemon.records_answer = records_of(replaced(kCall, "2025-11-22", "2025-12-24"));
       },
       "machine.clock",
       {"the newest record is of 2025-12-24"},
       {"timedatectl"}},
      {"disk-full",
       [](HealthyMachine& m) { m.sources.machine_seen.file_systems[0].free_bytes = 5 << 20; },
       "machine.disk",
       {"/var/lib/antigravity-proxy has 5 MiB left"},
       {"df -h"}},
      {"inodes-gone",
       [](HealthyMachine& m) { m.sources.machine_seen.file_systems[0].free_files = 3; },
       "machine.disk",
       {"3 inodes left"},
       {"df -i"}},
      {"state-read-only",
       [](HealthyMachine& m) { m.sources.machine_seen.file_systems[0].is_read_only = true; },
       "machine.disk",
       {"read-only"},
       {"remount,rw"}},
      {"config-proxy",
       [](HealthyMachine& m) {
         m.sources.configuration_seen.faults = {"/etc/antigravity-proxy/proxy.yaml:3:9: mode: ..."};
       },
       "config.service",
       {"proxy.yaml:3:9"},
       {"config check"}},
      {"config-policy",
       [](HealthyMachine& m) {
         m.sources.configuration_seen.faults = {"/etc/antigravity-proxy/policy.yaml:1:1: what"};
       },
       "config.service",
       {"policy.yaml:1:1"},
       {"correct these lines"}},
      {"config-helper",
       [](HealthyMachine& m) {
         m.sources.configuration_seen.helper_fault = "/etc/antigravity-proxy/helper.yaml:2:1: no";
       },
       "config.helper",
       {"helper.yaml:2:1"},
       {"chown root:root"}},
      {"service-stopped",
       stop_service,
       "units.service",
       {"inactive"},
       {"systemctl start antigravity-proxy"},
       {"service.reachable"}},
      {"service-masked",
       [](HealthyMachine& m) {
         stop_service(m);
         m.sources.unit(doctor::kServiceUnit).load_state = "masked";
       },
       "units.service",
       {"antigravity-proxy.service is masked"},
       {"systemctl unmask"},
       {"service.reachable"}},
      {"unit-faulty",
       [](HealthyMachine& m) {
         stop_service(m);
         m.sources.unit(doctor::kServiceUnit).load_state = "bad-setting";
         m.sources.unit(doctor::kServiceUnit).load_error = "no ExecStart";
       },
       "units.service",
       {"bad-setting", "no ExecStart"},
       {"systemctl cat", "daemon-reload"},
       {"service.reachable"}},
      {"port-8741-taken",
       [](HealthyMachine& m) { take_port(m, "antigravity-proxy-api.socket", "127.0.0.1:8741"); },
       "units.ports",
       {"127.0.0.1:8741", "nginx (process 812)", "uid 33"},
       {"stop that program"},
       {"service.reachable", "units.service", "units.sockets"}},
      {"helper-masked",
       [](HealthyMachine& m) { m.sources.unit(doctor::kHelperUnit).load_state = "masked"; },
       "units.helper",
       {"antigravity-proxy-helper.service is masked"},
       {"systemctl unmask antigravity-proxy-helper.service"}},
      {"dbus-service-missing",
       [](HealthyMachine& m) {
         m.sources.bus_seen = doctor::SystemBus{false, "", true};
       },
       "units.helper",
       {"the bus cannot start the helper", "Helper1.service"},
       {"install antigravity-proxy again"}},
      {"helper-not-executable",
       [](HealthyMachine& m) { m.sources.machine_seen.programs[0].mode = 0644; },
       "units.programs",
       {"is not executable"},
       {"reinstall"}},
      {"unit-not-reloaded",
       [](HealthyMachine& m) { m.sources.unit(doctor::kServiceUnit).needs_reload = true; },
       "units.reload",
       {"changed since systemd read"},
       {"systemctl daemon-reload"}},
      {"service-hung",
       [](HealthyMachine& m) { m.sources.hung = true; },
       "service.reachable",
       {"does not answer", "hangs"},
       {"systemctl restart antigravity-proxy"}},
      {"api-socket-unreachable",
       [](HealthyMachine& m) {
         m.sources.endpoints_seen[2] = {"/run/antigravity-proxy/api.sock", 0,
                                        "No such file or directory"};
       },
       "sockets.file",
       {"api.sock", "No such file"},
       {"systemctl restart antigravity-proxy"}},
      {"name-resolution",
       [](HealthyMachine& m) {
         m.sources.upstream_seen = {"the name x does not resolve: Name or service not known", {}};
       },
       "network.name",
       {"does not resolve"},
       {"getent hosts", "/etc/resolv.conf"}},
      {"upstream-refuses",
       [](HealthyMachine& m) {
         for (auto& reach : m.sources.upstream_seen.list) {
           reach.stage = Stage::connect;
           reach.problem = "Connection refused";
         }
         break_captured(m, Stage::handshake, "the connection was closed");
       },
       "network.upstream",
       {"Connection refused"},
       {"firewall", "port 443"}},
      {"upstream-certificate",
       [](HealthyMachine& m) {
         for (auto& reach : m.sources.upstream_seen.list) {
           reach.stage = Stage::verify;
           reach.problem = "certificate has expired";
         }
         break_captured(m, Stage::handshake, "the connection was closed");
       },
       "network.upstream",
       {"certificate has expired"},
       {"upstream.extra_ca_file"}},
      {"upstream-proxy-wrong",
       [](HealthyMachine& m) {
         m.sources.configuration_seen.proxy_host = "127.0.0.1";
         m.sources.configuration_seen.proxy_port = 9;
         for (auto& reach : m.sources.upstream_seen.list) {
           reach.stage = Stage::connect;
           reach.problem = "Connection refused";
         }
         break_captured(m, Stage::handshake, "the connection was closed");
       },
       "network.upstream",
       {"upstream.proxy 127.0.0.1:9", "refused"},
       {"correct upstream.proxy in proxy.yaml"}},
      {"system-store-empty",
       [](HealthyMachine& m) { m.sources.trust_seen.in_system_store = 0; },
       "trust.system",
       {"no certificate"},
       {"update-ca-certificates"}},
      {"bundle-missing",
       [](HealthyMachine& m) { m.sources.trust_seen.bundle.is_there = false; },
       "trust.bundle",
       {"is not there"},
       {"systemctl restart antigravity-proxy"}},
      {"bundle-garbage",
       [](HealthyMachine& m) {
         m.sources.trust_seen.bundle_problem = "no certificate can be read from it";
       },
       "trust.bundle",
       {"no certificate can be read"},
       {"systemctl restart antigravity-proxy"}},
      {"bundle-writable",
       [](HealthyMachine& m) { m.sources.trust_seen.bundle.mode = 0666; },
       "trust.bundle",
       {"writable by others"},
       {"systemctl restart antigravity-proxy"}},
      {"ca-expired",
       [](HealthyMachine& m) { m.sources.trust_seen.not_after = m.sources.machine_seen.now - 60; },
       "trust.bundle",
       {"has expired"},
       {"systemctl restart antigravity-proxy"}},
      {"ca-key-unreadable",
       [](HealthyMachine& m) { m.sources.trust_seen.key->owner = 0; },
       "trust.key",
       {"belongs to uid 0", "cannot read"},
       {"chown antigravity-proxy"}},
      {"ca-key-open",
       [](HealthyMachine& m) { m.sources.trust_seen.key->mode = 0644; },
       "trust.key",
       {"open to others"},
       {"makes a new key"}},
      {"client-refuses",
       [](HealthyMachine& m) {
         m.say(R"("refused_by_client":[])",
               R"("refused_by_client":[{"host":"h","count":2,"remedy":"make the program trust"}])");
       },
       "trust.clients",
       {"h (2 times)"},
       {"make the program trust"}},
      {"helper-hung",
       [](HealthyMachine& m) {
         m.sources.helper_seen =
             Failure{Exit::unavailable, "no_reply", "the helper does not answer: it hangs",
                     "systemctl restart antigravity-proxy-helper"};
       },
       "capture.helper",
       {"it hangs"},
       {"systemctl restart antigravity-proxy-helper"}},
      {"rules-partial",
       [](HealthyMachine& m) { m.sources.helper_state().redirect_ipv6 = "partial"; },
       "capture.redirect",
       {"IPv6 partial", "nftables"},
       {"systemctl restart antigravity-proxy"}},
      {"rules-flushed",
       [](HealthyMachine& m) {
         m.sources.helper_state().repairs = 2;
         m.sources.helper_state().last_repair = m.sources.machine_seen.now - 60;
         m.sources.helper_state().last_lost = {"IPv4 nat"};
       },
       "capture.repairs",
       {"removed our rules 2 times", "2025-11-22T09:59:00Z", "IPv4 nat"},
       {"firewalld", "firewall.backend"}},
      {"foreign-drop",
       [](HealthyMachine& m) {
         m.sources.captured_seen.list[0].stage = Stage::connect;
         m.sources.captured_seen.list[0].problem = "no answer within 4 seconds";
       },
       "capture.ipv4",
       {"does not arrive at port 8742", "no answer"},
       {"rule of another program", "nft list ruleset"}},
      {"not-redirected",
       [](HealthyMachine& m) {
         m.sources.captured_seen.list[1].is_ours = false;
         m.sources.captured_seen.list[1].issuer = "GTS Root R1";
       },
       "capture.ipv6",
       {"is not measured", "GTS Root R1"},
       {"capture.redirect"}},
      {"quic-open",
       [](HealthyMachine& m) {
         m.sources.captured_seen.list[0].is_quic_refused = false;
         m.sources.captured_seen.list[0].quic = "not refused";
       },
       "capture.quic",
       {"IPv4 not refused"},
       {"systemctl restart antigravity-proxy"}},
      {"ledger-corrupt",
       [](HealthyMachine& m) {
         m.complain("ledger_failing", "the ledger is damaged", "move it away");
         m.say(R"("health":"ok")", R"("health":"failing")");
       },
       "ledger.healthy",
       {"the ledger is damaged"},
       {"move it away"},
       kDegraded},
      {"export-failing",
       [](HealthyMachine& m) {
         m.complain("metrics_not_exported", "Metrics do not reach their receiver: refused",
                    "see that it runs");
         m.say(R"("waiting":0,"waiting_bytes":0)", R"("waiting":1200,"waiting_bytes":4000000)");
         m.say(R"("oldest_waiting_at":null)", R"("oldest_waiting_at":"2025-11-22T09:00:00Z")");
         m.say(R"("no_room":0)", R"("no_room":3)");
       },
       "exporters.otlp",
       {"http://127.0.0.1:4318", "do not reach their receiver: refused",
        "1,200 requests wait (4,000,000 of 4,194,304 octets), the oldest for 3,600 s",
        "given up since the start: 3 no_room"},
       {"see that it runs"},
       kDegraded},
      {"ls-writable",
       [](HealthyMachine& m) {
         m.sources.helper_state().binaries[0].is_usable = false;
         m.sources.helper_state().binaries[0].reason = "is writable by others";
       },
       "ls.binary",
       {"is writable by others"},
       {"chmod go-w"}},
      {"ls-not-go",
       [](HealthyMachine& m) {
         m.binary.write("#!/bin/sh csrf_token extension_server_port cloud_code_endpoint\n");
       },
       "ls.go",
       {"is no Go program"},
       {"language_server.binaries"}},
      {"ls-flag-missing",
       [](HealthyMachine& m) {
         m.binary.write("\xff Go buildinf: csrf_token extension_server_port");
       },
       "ls.flags",
       {"--cloud_code_endpoint"},
       {"report it"}},
      {"ls-crash-loop",
       [](HealthyMachine& m) {
         m.complain("language-server", "the language server is in a crash loop",
                    "antigravity-proxy ls status");
         m.say(R"("state":"running")", R"("state":"crash-loop")");
       },
       "ls.running",
       {"crash loop"},
       {"ls status"},
       kDegraded},
      {"two-users",
       [](HealthyMachine& m) {
         m.complain("language-server-user", "several users run the Antigravity IDE (dev, eve)",
                    "set language_server.user");
         m.say(R"("state":"running")", R"("state":"waiting-for-ide")");
       },
       "ls.running",
       {"several users", "dev, eve"},
       {"language_server.user"},
       kDegraded},
  };
  return kFaults;
}

bool says(std::string text, std::string word) {
  const auto lower = [](std::string& all) {
    for (auto& c : all) {
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  };
  lower(text);
  lower(word);
  return text.find(word) != std::string::npos;
}

TEST(DoctorCatalogue, EachFaultIsNamedWithItsRemedyAndNothingElseFails) {
  for (const auto& fault : catalogue()) {
    HealthyMachine machine;
    fault.inject(machine);
    auto found = machine.examine();
    ASSERT_EQ(found.count(fault.check), 1U) << fault.id;
    const auto& named = found[fault.check];
    EXPECT_EQ(named.state, State::failed) << fault.id << ": " << named.seen;
    for (const auto& word : fault.cause) {
      EXPECT_TRUE(says(named.seen, word))
          << fault.id << " lacks \"" << word << "\": " << named.seen;
    }
    for (const auto& word : fault.remedy) {
      EXPECT_TRUE(says(named.remedy, word))
          << fault.id << " lacks \"" << word << "\": " << named.remedy;
    }
    for (const auto& [id, finding] : found) {
      const bool may_fail = id == fault.check || fault.others.count(id) == 1;
      EXPECT_TRUE(may_fail || finding.state != State::failed)
          << id << " fails because of " << fault.id << ": " << finding.seen;
      EXPECT_TRUE(finding.state != State::failed || !finding.remedy.empty()) << id;
    }
    for (const auto& other : fault.others) {
      EXPECT_EQ(found[other].state, State::failed) << other << " at " << fault.id;
    }
  }
}

TEST(DoctorCatalogue, WhatIsOffOrWaitedForIsNoFault) {
  HealthyMachine off;
  off.say(R"("mode":"service","active":true)", R"("mode":"off","active":false)");
  off.say(R"("mode":"managed","state":"running")", R"("mode":"off","state":"off")");
  off.sources.trust_seen.bundle.is_there = false;
  for (const auto& [id, finding] : off.examine()) {
    EXPECT_NE(finding.state, State::failed) << id << ": " << finding.seen;
  }
  HealthyMachine waiting;
  waiting.say(R"("state":"running","waits_for":null)",
              R"("state":"waiting-for-ide","waits_for":"the IDE")");
  auto found = waiting.examine();
  EXPECT_EQ(found["ls.running"].state, State::unknown);
  for (const auto& [id, finding] : found) {
    EXPECT_NE(finding.state, State::failed) << id << ": " << finding.seen;
  }
}

TEST(DoctorCatalogue, WithoutRootItSaysWhatItTakes) {
  HealthyMachine machine;
  machine.sources.root = false;
  machine.sources.trust_seen.key.reset();
  machine.sources.trust_seen.is_bundle_ours.reset();
  machine.sources.helper_seen =
      Failure{Exit::refused, "refused", "for administrators alone", doctor::kRunAsRoot};
  auto found = machine.examine();
  for (const char* id : {"capture.ipv4", "capture.ipv6", "capture.quic", "trust.key", "ls.binary",
                         "capture.repairs", "capture.egress"}) {
    EXPECT_EQ(found[id].state, State::unknown) << id;
    EXPECT_EQ(found[id].remedy, "run as root: sudo antigravity-proxy doctor") << id;
  }
  for (const auto& [id, finding] : found) {
    EXPECT_NE(finding.state, State::failed) << id << ": " << finding.seen;
  }
}

TEST(DoctorCatalogue, AHelperThatNothingNeedsIsNotStarted) {
  HealthyMachine machine;
  stop_service(machine);
  machine.sources.unit(doctor::kHelperUnit).active_state = "inactive";
  Facts facts(&machine.daemon, &machine.sources);
  const auto* failure = std::get_if<Failure>(&facts.helper());
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->code, "not_active");
}

// docs/troubleshooting.md: | `fault` | symptom | `check` | cause | fix |

std::string source(const std::string& path) {
  std::ifstream in(std::string(AGP_SOURCE_ROOT) + path);
  std::ostringstream text;
  text << in.rdbuf();
  EXPECT_NE(text.str(), "") << path;
  return text.str();
}

TEST(DoctorCatalogue, TheManualOfTroubleHasEveryFaultAndNoOther) {
  std::map<std::string, std::string> rows;
  const auto manual = source("/docs/troubleshooting.md");
  const std::regex row(R"(\| `([a-z0-9-]+)` \|[^|]+\| `([a-z0-9.]+)` \|[^|]+\|[^|]+\|)");
  for (std::sregex_iterator it(manual.begin(), manual.end(), row), end; it != end; ++it) {
    EXPECT_TRUE(rows.emplace((*it)[1], (*it)[2]).second) << (*it)[1] << " is there twice";
  }
  for (const auto& fault : catalogue()) {
    EXPECT_EQ(rows[fault.id], fault.check) << fault.id;
  }
  // The faults that are injected into a booted machine: Fault('id', 'check', ...
  const auto cases = source("/tests/system/cases/test_doctor.py");
  const std::regex injected(R"(Fault\('([a-z0-9-]+)', '([a-z0-9.]+)')");
  std::set<std::string> really;
  for (std::sregex_iterator it(cases.begin(), cases.end(), injected), end; it != end; ++it) {
    really.insert((*it)[1]);
    EXPECT_EQ(rows[(*it)[1]], (*it)[2]) << (*it)[1];
  }
  for (const auto& [id, check] : rows) {
    EXPECT_EQ(really.count(id), 1U) << id << " is injected nowhere";
  }
  EXPECT_GE(really.size(), 30U);
}

}  // namespace
}  // namespace agp::cli
