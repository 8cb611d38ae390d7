#include "helper/config.h"

#include "helper/core/arguments.h"
#include "helper/core/errc.h"
#include "helper/os/trusted_file.h"

#include <charconv>
#include <memory>
#include <optional>

#include <dirent.h>
#include <unistd.h>

namespace agp::helper {
namespace {

constexpr char kPortsKey[] = "language_server.ports";
constexpr char kEgressKey[] = "language_server.egress";
constexpr char kEndpointKey[] = "language_server.cloud_code_endpoint";
constexpr char kBinariesKey[] = "language_server.binaries";
constexpr char kFirewallKey[] = "firewall.backend";
constexpr char kExtensionsKey[] = "ide.extensions";
constexpr std::size_t kMaxBinaries = 32;

const config::Choices<core::FirewallBackend> kBackends{
    {"auto", core::FirewallBackend::automatic},
    {"iptables", core::FirewallBackend::iptables},
    {"nftables", core::FirewallBackend::nftables}};

struct Targets {
  core::Settings settings;
  std::string ports;
};

config::Schema schema_for(Targets* into) {
  const core::Settings defaults;
  config::Schema schema;
  schema.paths(kBinariesKey, &into->settings.binaries, defaults.binaries,
               "Language servers that may be started; each must belong to root, with all its "
               "directories.");
  schema.text(kEndpointKey, &into->settings.cloud_code_endpoint, defaults.cloud_code_endpoint,
              "Where a language server that we start finds the models.");
  schema.text(kPortsKey, &into->ports, "42100-42199",
              "Loopback ports for language servers, closed to all but root, the daemon and "
              "themselves.");
  schema.choice<core::Egress>(
      kEgressKey, &into->settings.egress, core::to_string(defaults.egress),
      {{"metered", core::Egress::metered}, {"strict", core::Egress::strict}},
      "What a language server may send besides what is redirected; metered: everything but QUIC; "
      "strict: nothing but questions to the resolvers.");
  schema.choice(
      kFirewallKey, &into->settings.firewall, "auto", kBackends,
      "Who holds the redirect rules: a table of nf_tables that the kernel removes with its "
      "owner, iptables, or the former where it works.");
  schema.paths(kExtensionsKey, &into->settings.extensions, defaults.extensions,
               "Files extension.js of the IDE that ide-patch looks at and may patch; each must "
               "belong to root, with all its directories.");
  return schema;
}

std::optional<core::PortRange> parse_range(const std::string& text) {
  core::PortRange range;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, range.first);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') {
    return std::nullopt;
  }
  const auto last = std::from_chars(first.ptr + 1, end, range.last);
  const bool is_wrong = last.ec != std::errc() || last.ptr != end || range.first < 1024 ||
                        range.last <= range.first || range.contains(core::kApiPort) ||
                        range.contains(core::kInterceptPort);
  return is_wrong ? std::nullopt : std::optional(range);
}

/// What the types of the table cannot say.
Result<core::Settings> finish(config::Schema& schema,
                              Targets& targets,
                              config::Faults faults,
                              const std::string& file) {
  if (const auto range = parse_range(targets.ports)) {
    targets.settings.ports = *range;
  } else {
    faults.list.push_back(schema.fault(
        kPortsKey, "expected two ports such as 42100-42199, from 1024 on, without 8741 and 8742",
        file));
  }
  if (!core::is_endpoint(targets.settings.cloud_code_endpoint)) {
    faults.list.push_back(schema.fault(
        kEndpointKey, "expected https://host or http://host:port without a path", file));
  }
  if (targets.settings.binaries.size() > kMaxBinaries) {
    faults.list.push_back(schema.fault(kBinariesKey, "expected at most 32 paths", file));
  }
  if (targets.settings.extensions.size() > kMaxBinaries) {
    faults.list.push_back(schema.fault(kExtensionsKey, "expected at most 32 paths", file));
  }
  if (!faults.empty()) {
    return Error(core::Errc::configuration, faults.text());
  }
  return std::move(targets.settings);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// The file and its drop-ins, as far as they exist.
std::vector<std::string> files_of(const std::string& path) {
  std::vector<std::string> files;
  if (::access(path.c_str(), F_OK) == 0) {
    files.push_back(path);
  }
  const std::string directory = path + ".d";
  const std::unique_ptr<DIR, CloseDirectory> entries(::opendir(directory.c_str()));
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    if (std::string_view(entry->d_name).ends_with(".yaml")) {
      files.push_back(directory + "/" + entry->d_name);
    }
  }
  return files;
}

Result<> check_trusted(const std::string& path) {
  auto parts = os::path_parts(path);
  if (!parts) {
    return Error(core::Errc::configuration, parts.error().context);
  }
  return core::judge_configuration(*parts);
}

}  // namespace

std::vector<config::Row> settings_rows() {
  Targets targets;
  return schema_for(&targets).rows();
}

Result<core::Settings> parse_settings(const std::string& text, const std::string& name) {
  Targets targets;
  auto schema = schema_for(&targets);
  config::Faults faults;
  const auto document = config::parse(text, name, faults);
  schema.set_defaults();
  faults.append(schema.apply(document));
  return finish(schema, targets, std::move(faults), name);
}

Result<core::Settings> load_settings(const std::string& path) {
  for (const auto& file : files_of(path)) {
    if (auto trusted = check_trusted(file); !trusted) {
      return trusted.error();
    }
  }
  Targets targets;
  auto schema = schema_for(&targets);
  auto faults = schema.load(path, config::Missing::is_empty);
  return finish(schema, targets, std::move(faults), path);
}

}  // namespace agp::helper
