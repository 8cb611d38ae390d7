#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>
#include <cstddef>
#include <string>
#include <variant>

namespace agp::cli::doctor {
namespace {

constexpr std::size_t kIpv4 = 0;
constexpr std::size_t kIpv6 = 1;
constexpr std::size_t kFile = 2;
constexpr std::size_t kMetrics = 3;

Finding answers(Facts& facts, std::size_t index) {
  if (std::holds_alternative<Failure>(facts.status())) {
    return no_status();
  }
  if (index == kIpv6 && !facts.machine().has_ipv6) {
    return not_applicable("the kernel has no IPv6");
  }
  const auto& endpoints = facts.endpoints();
  if (index >= endpoints.size()) {
    return unknown("it was not asked", "");
  }
  const auto& endpoint = endpoints[index];
  if (!endpoint.problem.empty()) {
    return wrong(
        endpoint.name + ": " + endpoint.problem,
        "systemctl restart antigravity-proxy opens it anew; firewall rules on the loopback "
        "interface and the file's directory can be in the way");
  }
  const auto seen = endpoint.name + " answers with status " + std::to_string(endpoint.status);
  // Who may not read everybody's metrics is told so; that is an answer.
  const bool is_well = endpoint.status == 200 ||
                       (index == kMetrics && (endpoint.status == 401 || endpoint.status == 403));
  return is_well ? ok(seen) : wrong(seen, "see: journalctl -u antigravity-proxy");
}

Finding sockets_ipv4(Facts& facts) {
  return answers(facts, kIpv4);
}
Finding sockets_ipv6(Facts& facts) {
  return answers(facts, kIpv6);
}
Finding sockets_file(Facts& facts) {
  return answers(facts, kFile);
}
Finding sockets_metrics(Facts& facts) {
  return answers(facts, kMetrics);
}

constexpr std::array kChecks{
    Check{"sockets.ipv4", "sockets", "the API answers at 127.0.0.1:8741", sockets_ipv4},
    Check{"sockets.ipv6", "sockets", "the API answers at [::1]:8741", sockets_ipv6},
    Check{"sockets.file", "sockets", "the API answers at its socket file", sockets_file},
    Check{"sockets.metrics", "sockets", "the metrics can be read", sockets_metrics},
};

}  // namespace

std::span<const Check> sockets_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
