#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace agp::core {

constexpr std::uint16_t kApiPort = 8741;
constexpr std::uint16_t kInterceptPort = 8742;

struct PortRange {
  std::uint16_t first = 42100;
  std::uint16_t last = 42199;

  [[nodiscard]] bool contains(std::uint16_t port) const { return port >= first && port <= last; }
};

/// What the language server's account may send besides what is redirected.
enum class Egress {
  metered,  // everything but QUIC
  strict,   // loopback and questions to the resolvers
};

[[nodiscard]] const char* to_string(Egress egress);

/// Who holds the redirect rules.
enum class FirewallBackend {
  automatic,  // the owner table where the kernel has it, else iptables
  iptables,
  nftables,
};
[[nodiscard]] const char* to_string(FirewallBackend backend);

/// What root wrote into helper.yaml. Everything here decides what runs with which power, so it
/// never comes from a caller.
struct Settings {
  /// helper.yaml: language_server.binaries; absolute paths, in the order callers index them.
  std::vector<std::string> binaries = default_binaries();
  /// helper.yaml: language_server.cloud_code_endpoint
  std::string cloud_code_endpoint = "https://daily-cloudcode-pa.googleapis.com";
  /// helper.yaml: language_server.ports
  PortRange ports;
  /// helper.yaml: language_server.egress
  Egress egress = Egress::metered;
  /// helper.yaml: firewall.backend
  FirewallBackend firewall = FirewallBackend::automatic;
  /// helper.yaml: ide.extensions; absolute paths of the IDE's extension.js.
  std::vector<std::string> extensions = default_extensions();

  /// The known install places. Source: ls-protocol reference, section 1.1.
  [[nodiscard]] static std::vector<std::string> default_binaries();
  [[nodiscard]] static std::vector<std::string> default_extensions();
};

}  // namespace agp::core
