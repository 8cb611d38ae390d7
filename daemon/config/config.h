#pragma once

#include "common/config/fault.h"
#include "common/config/schema.h"
#include "common/config/values.h"
#include "common/log/log.h"
#include "daemon/cost/override.h"
#include "daemon/policy/policy.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// What the daemon reads from `proxy.yaml`, `policy.yaml` and `corp.yaml`. The tables in config.cpp
/// are the source of the manual page too.
namespace agp::daemon_config {

enum class CaptureMode { service, off };
enum class LanguageServerMode { managed, off };

struct Listen {
  std::vector<config::Endpoint> intercept;
  std::vector<config::Endpoint> api;
  std::vector<config::Endpoint> connect;
};

/// How a proxy is told where to go.
enum class ProxyTarget { name, address };

struct Upstream {
  std::optional<std::string> extra_ca_file;
  std::vector<config::Network> allow_networks;
  std::optional<config::ProxyUrl> proxy;
  std::optional<std::string> proxy_credentials_file;
  ProxyTarget proxy_target = ProxyTarget::name;
};

/// A loopback port on which clients speak cleartext HTTP and mean `host`.
struct ReverseEndpoint {
  config::Endpoint listen;
  std::string host;  // lower case
  std::uint16_t port = 443;
};

/// A language server that was started by somebody else; port 0: none.
struct AttachedLs {
  std::uint16_t port = 0;
  std::optional<std::string> token_file;
  std::optional<std::string> certificate_file;
};

struct Limits {
  std::chrono::milliseconds handshake_timeout{};
  std::chrono::milliseconds connect_timeout{};
  std::chrono::milliseconds read_idle_timeout{};
  std::chrono::milliseconds write_idle_timeout{};
  std::chrono::milliseconds drain_timeout{};
  std::uint32_t max_connections = 0;
  std::uint64_t max_buffered_bytes = 0;
};

struct Ledger {
  std::uint32_t raw_days = 0;
  std::uint32_t hourly_days = 0;
  std::uint64_t max_bytes = 0;
};

/// Names of the GenAI conventions; see daemon/metrics/semconv.h.
enum class GenAiSemconv { latest, v1_41, both };
/// Where metrics are sent; without an endpoint nowhere.
struct Otlp {
  std::optional<config::HttpUrl> endpoint;
  std::optional<std::string> headers_file;
  std::chrono::milliseconds interval{};
  std::uint64_t queue_bytes = 0;
  bool tells_host_name = true;
};
struct Telemetry {
  Otlp otlp;
  GenAiSemconv genai_semconv = GenAiSemconv::latest;
  std::vector<std::string> scrape_users;
};

/// Immutable once loaded; shared as `std::shared_ptr<const Config>`.
struct Config {
  CaptureMode capture_mode = CaptureMode::service;
  std::chrono::milliseconds capture_verify_every{};
  std::vector<config::HostPattern> inspect;  // capture.inspect as written; `policy` decides
  std::vector<config::Endpoint> capture_connect;
  std::vector<ReverseEndpoint> capture_reverse;
  Upstream upstream;
  LanguageServerMode language_server_mode = LanguageServerMode::managed;
  std::string language_server_user;         // "auto": the only user whose IDE is running
  std::chrono::milliseconds quota_every{};  // 0: only when somebody asks
  AttachedLs attached_ls;
  Ledger ledger;
  std::vector<cost::PriceOverride> cost_prices;
  std::vector<cost::ModelAlias> cost_aliases;
  std::optional<std::string> api_keys_file;
  Telemetry telemetry;
  Listen listen;
  Limits limits;
  log::Level log_level = log::Level::info;
  std::uint32_t workers = 0;  // 0: one for each core, at most 64

  /// capture.inspect with policy.yaml and corp.yaml over it; never null.
  std::shared_ptr<const policy::Policy> policy;
  /// What corp.yaml does not let others decide, and what was ignored of policy.yaml because of it.
  std::vector<std::string> locked;
  std::vector<std::string> warnings;
  /// Every value that proxy.yaml and its drop-ins set, as text.
  std::map<std::string, std::string> written;
};

/// Where the configuration stands. `policy_file` defaults to policy.yaml beside `proxy_file`;
/// corp.yaml is read beside the policy file.
struct Files {
  std::string proxy_file = "/etc/antigravity-proxy/proxy.yaml";
  std::optional<std::string> policy_file;
  /// Whether a missing proxy file is a fault: yes when the user named it with --config.
  config::Missing missing_proxy = config::Missing::is_empty;
  /// Who has to own corp.yaml; another one only in tests.
  std::uint32_t corp_owner = 0;
};

/// Reads all files and their drop-ins. A missing policy or corp file means no rules.
/// @return the configuration, or all faults of all files: it is also what --check-config prints.
[[nodiscard]] config::Checked<Config> load(const Files& files);

/// The keys of proxy.yaml that differ and that a running daemon does not take over: all but
/// capture.inspect, which is a part of the policy.
[[nodiscard]] std::vector<std::string> changed_until_restart(const Config& running,
                                                             const Config& loaded);

/// The manual's tables.
[[nodiscard]] std::vector<config::Row> proxy_rows();
[[nodiscard]] std::vector<config::Row> policy_rows();
[[nodiscard]] std::vector<config::Row> corp_rows();

}  // namespace agp::daemon_config
