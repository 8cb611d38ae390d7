#pragma once

#include "cli/doctor/sources.h"

#include <string>
#include <utility>
#include <vector>

namespace agp::cli::doctor {

/// A healthy machine, seen by root; a test makes ill what it is about.
class FakeSources final : public Sources {
 public:
  FakeSources() {
    machine_seen.has_cgroup2 = machine_seen.has_ipv6 = machine_seen.has_iptables = true;
    machine_seen.now = 1'763'805'600;  // 2025-11-22T10:00:00Z
    machine_seen.is_synchronized = true;
    machine_seen.file_systems = {{"/var/lib/antigravity-proxy", "", 1ULL << 40, 1000, 1000, false},
                                 {"/run", "", 1ULL << 30, 1000, 1000, false}};
    machine_seen.programs = {{"/usr/libexec/antigravity-proxy/antigravity-proxyd", true, 0, 0755}};
    std::vector<Unit> units;
    for (const char* name :
         {kServiceUnit, kHelperUnit, "antigravity-proxy-api.socket",
          "antigravity-proxy-intercept.socket", "antigravity-proxy-finder.socket"}) {
      units.push_back({name, "loaded", "", "active", "success", false, 0});
    }
    units_seen = std::move(units);
    configuration_seen.inspected_host = "cloudcode-pa.googleapis.com";
    endpoints_seen = {{"127.0.0.1:8741", 200, ""},
                      {"[::1]:8741", 200, ""},
                      {"/run/antigravity-proxy/api.sock", 200, ""},
                      {"/metrics", 200, ""}};
    Helper helper;
    helper.redirect_ipv4 = helper.redirect_ipv6 = "active";
    helper.firewall_backend = "nftables";
    helper.firewall_reason = "the kernel removes the rules with their owner";
    helper.egress = "metered";
    helper_seen = helper;
    trust_seen.bundle = {"/run/antigravity-proxy-helper/ca-bundle.pem", true, 0, 0644};
    trust_seen.not_before = machine_seen.now - 3600;
    trust_seen.not_after = machine_seen.now + 360LL * 24 * 3600;
    trust_seen.others = trust_seen.in_system_store = 140;
    trust_seen.key = FileFacts{"/var/lib/antigravity-proxy/ca/ca.key", true, 990, 0600};
    trust_seen.key_owner = 990;
    trust_seen.is_bundle_ours = true;
    for (const char* family : {"IPv4", "IPv6"}) {
      Reach reach;
      reach.family = family;
      reach.address = reach.family == "IPv4" ? "192.0.2.1" : "2001:db8::1";
      reach.stage = Reach::Stage::done;
      reach.issuer = "GTS Root R1";
      upstream_seen.list.push_back(reach);
      reach.issuer = "Antigravity proxy";
      reach.is_ours = true;
      reach.is_quic_refused = true;
      reach.quic = "refused at once";
      captured_seen.list.push_back(reach);
    }
  }

  bool is_root() override { return root; }
  Machine machine() override { return machine_seen; }
  Answer<SystemBus> system_bus() override { return bus_seen; }
  Answer<std::vector<Unit>> units() override { return units_seen; }
  std::vector<Listener> listeners() override { return listeners_seen; }
  Configuration configuration() override { return configuration_seen; }
  bool is_service_hung() override { return hung; }
  std::vector<Endpoint> endpoints() override { return endpoints_seen; }
  Answer<Helper> helper() override { return helper_seen; }
  Trust trust() override { return trust_seen; }
  Reaches upstream(const Configuration&) override { return upstream_seen; }
  Reaches captured(const Configuration&) override { return captured_seen; }

  /// Of the list of a healthy machine.
  Unit& unit(const std::string& name) {
    for (auto& each : std::get<std::vector<Unit>>(units_seen)) {
      if (each.name == name) {
        return each;
      }
    }
    return std::get<std::vector<Unit>>(units_seen).emplace_back();
  }
  Helper& helper_state() { return std::get<Helper>(helper_seen); }

  bool root = true;
  bool hung = false;
  Machine machine_seen;
  Answer<SystemBus> bus_seen = SystemBus{true, "", true};
  Answer<std::vector<Unit>> units_seen;
  std::vector<Listener> listeners_seen;
  Configuration configuration_seen;
  std::vector<Endpoint> endpoints_seen;
  Answer<Helper> helper_seen;
  Trust trust_seen;
  Reaches upstream_seen;
  Reaches captured_seen;
};

}  // namespace agp::cli::doctor
