#include "cli/doctor/system_sources.h"

#include "cli/doctor/bus_source.h"
#include "cli/doctor/configuration_source.h"
#include "cli/doctor/endpoint_source.h"
#include "cli/doctor/listener_table.h"
#include "cli/doctor/machine_source.h"
#include "cli/doctor/reach.h"
#include "cli/doctor/trust_source.h"

#include <optional>

#include <pwd.h>
#include <unistd.h>

namespace agp::cli::doctor {
namespace {

constexpr const char* kConfiguration = "/etc/antigravity-proxy";
constexpr const char* kServiceAccount = "antigravity-proxy";
constexpr const char* kLanguageServerAccount = "antigravity-ls";

std::optional<ChildAccount> account_named(const char* name) {
  const auto* entry = ::getpwnam(name);
  return entry == nullptr ? std::nullopt
                          : std::optional(ChildAccount{entry->pw_uid, entry->pw_gid});
}

Reaches not_tried(const char* why) {
  Reaches out;
  out.problem = why;
  return out;
}

}  // namespace

bool SystemSources::is_root() {
  return ::geteuid() == 0;
}

Machine SystemSources::machine() {
  auto out = read_machine();
  out.is_synchronized = is_clock_synchronized();
  return out;
}

Answer<SystemBus> SystemSources::system_bus() {
  return ask_system_bus();
}

Answer<std::vector<Unit>> SystemSources::units() {
  return ask_units();
}

std::vector<Listener> SystemSources::listeners() {
  return read_listeners();
}

Configuration SystemSources::configuration() {
  return read_configuration(kConfiguration);
}

bool SystemSources::is_service_hung() {
  return is_service_hung_on_bus();
}

std::vector<Endpoint> SystemSources::endpoints() {
  return ask_endpoints();
}

Answer<Helper> SystemSources::helper() {
  return ask_helper();
}

Trust SystemSources::trust() {
  return read_trust({}, is_root());
}

Reaches SystemSources::upstream(const Configuration& configuration) {
  // As the service, where we may: it is who connects, and root reads nothing from the network.
  const auto account = is_root() ? account_named(kServiceAccount) : std::nullopt;
  if (configuration.proxy_host) {
    return try_to_reach({*configuration.proxy_host, configuration.proxy_port, {}, false, account});
  }
  if (configuration.inspected_host.empty()) {
    return not_tried("no host is inspected by its exact name");
  }
  ReachPlan plan{configuration.inspected_host, 443, {TrustPaths().system_store}, false, account};
  if (configuration.extra_ca_file) {
    plan.trusted_files.push_back(*configuration.extra_ca_file);
  }
  return try_to_reach(plan);
}

Reaches SystemSources::captured(const Configuration& configuration) {
  const auto account = account_named(kLanguageServerAccount);
  if (!account) {
    return not_tried("there is no account antigravity-ls");
  }
  if (configuration.inspected_host.empty()) {
    return not_tried("no host is inspected by its exact name");
  }
  return try_to_reach({configuration.inspected_host, 443, {TrustPaths().bundle}, true, account});
}

}  // namespace agp::cli::doctor
