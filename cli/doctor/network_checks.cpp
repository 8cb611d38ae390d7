#include "cli/doctor/findings.h"
#include "cli/doctor/layers.h"

#include <array>
#include <string>

namespace agp::cli::doctor {
namespace {

using Stage = Reach::Stage;

constexpr const char* kNoProxyAnswer =
    "correct upstream.proxy in proxy.yaml, or start that proxy; then: systemctl restart "
    "antigravity-proxy";

std::string target_of(const Configuration& configuration) {
  return configuration.proxy_host ? "upstream.proxy " + *configuration.proxy_host + ":" +
                                        std::to_string(configuration.proxy_port)
                                  : configuration.inspected_host;
}

Finding network_name(Facts& facts) {
  const auto& configuration = facts.configuration();
  if (!configuration.proxy_host && configuration.inspected_host.empty()) {
    return not_applicable("no host is inspected by its exact name");
  }
  const auto& reaches = facts.upstream();
  if (!reaches.problem.empty()) {
    return wrong(reaches.problem, configuration.proxy_host
                                      ? kNoProxyAnswer
                                      : "check the network and the resolver: getent hosts " +
                                            configuration.inspected_host +
                                            ", resolvectl status, /etc/resolv.conf, /etc/hosts");
  }
  std::string seen;
  for (const auto& reach : reaches.list) {
    add_to(seen, reach.address);
  }
  return ok(target_of(configuration) + " is " + seen);
}

std::string remedy_of(const Configuration& configuration, const Reach& reach) {
  if (configuration.proxy_host) {
    return kNoProxyAnswer;
  }
  if (reach.stage == Stage::verify) {
    return "the certificate that this network shows is not the provider's (" + reach.issuer +
           "): where a proxy of the company opens TLS, name its certificate in proxy.yaml: "
           "upstream.extra_ca_file; else do not use this network";
  }
  return "check the network of this machine and its firewall for TCP to port 443: curl -v "
         "https://" +
         configuration.inspected_host + "/";
}

Finding network_upstream(Facts& facts) {
  const auto& configuration = facts.configuration();
  const auto& reaches = facts.upstream();
  if (!reaches.problem.empty() || reaches.list.empty()) {
    return configuration.proxy_host || !configuration.inspected_host.empty()
               ? unknown("the name does not resolve", "see network.name")
               : not_applicable("no host is inspected by its exact name");
  }
  std::string seen;
  std::string troubles;
  std::string remedy;
  for (const auto& reach : reaches.list) {
    if (reach.stage == Stage::done) {
      add_to(seen, reach.family + ": " + target_of(configuration) + " answers");
    } else if (reach.stage == Stage::route) {
      add_to(seen, "no route for " + reach.family);
    } else {
      add_to(troubles, target_of(configuration) + " (" + reach.address + "): " + reach.problem);
      remedy = remedy_of(configuration, reach);
    }
  }
  if (!troubles.empty()) {
    return wrong(troubles, remedy);
  }
  return seen.find("answers") == std::string::npos
             ? wrong(seen, "connect this machine to a network")
             : ok(seen);
}

constexpr std::array kChecks{
    Check{"network.name", "network", "the model host's name resolves", network_name},
    Check{"network.upstream", "network", "the model host answers with its certificate",
          network_upstream},
};

}  // namespace

std::span<const Check> network_checks() {
  return kChecks;
}

}  // namespace agp::cli::doctor
