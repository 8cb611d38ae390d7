#include "daemon/config/config.h"

#include "daemon/config/capture_endpoints.h"
#include "daemon/config/cost_prices.h"
#include "daemon/config/policy_files.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace agp::daemon_config {
namespace {

using namespace std::chrono_literals;
using config::Choices;
using config::Faults;
using config::Schema;

const std::vector<std::string> kDefaultInspect = {
    "cloudcode-pa.googleapis.com",
    "daily-cloudcode-pa.googleapis.com",
    "autopush-cloudcode-pa.googleapis.com",
    "cloudcode-pa.sandbox.googleapis.com",
    "*-cloudcode-pa.sandbox.googleapis.com",
    "generativelanguage.googleapis.com",
    "aiplatform.googleapis.com",
    "*-aiplatform.googleapis.com",
    "api.anthropic.com",
    "api.openai.com",
};

// What the tables read and a later look at the whole has to judge.
struct RawLists {
  std::vector<RawReverse> reverse;
  std::vector<RawPrice> prices;
  std::vector<RawAlias> aliases;
};

Schema proxy_schema(Config* config, RawLists* raw) {
  Schema schema;
  schema.choice<CaptureMode>("capture.mode", &config->capture_mode, "service",
                             {{"service", CaptureMode::service}, {"off", CaptureMode::off}},
                             "service: redirect the language server's traffic as soon as the "
                             "service runs; off: capture nothing.");
  schema.duration(
      "capture.verify_every", &config->capture_verify_every, "30s", 1s, 10min,
      "How often the daemon has the redirect rules looked at; the helper notices by itself when "
      "another program removes them.");
  schema.hosts("capture.inspect", &config->inspect, kDefaultInspect,
               "Hosts whose TLS is opened to read usage; everything else is tunnelled untouched. "
               "policy.yaml can take hosts away or add some.");
  schema.endpoints("capture.connect", &config->capture_connect, {},
                   "Loopback addresses on which programs may use the meter as their HTTPS proxy "
                   "(HTTP CONNECT).");
  schema.objects<RawReverse>("capture.reverse", &raw->reverse, describe_reverse,
                             "Loopback ports that stand for one host each: cleartext HTTP from "
                             "programs that take a base address, verified TLS to the host.");
  schema.path("upstream.extra_ca_file", &config->upstream.extra_ca_file,
              "PEM file trusted for upstream in addition to the system's certificates.");
  schema.networks("upstream.allow_networks", &config->upstream.allow_networks, {},
                  "Networks that may be dialled although their addresses are private, loopback or "
                  "otherwise not global.");
  schema.proxy_url("upstream.proxy", &config->upstream.proxy,
                   "Proxy to reach upstream through, http:// or socks5://; see also "
                   "upstream.proxy_credentials_file.");
  schema.path("upstream.proxy_credentials_file", &config->upstream.proxy_credentials_file,
              "File with one line user:password for upstream.proxy; readable for the account "
              "antigravity-proxy and nobody else.");
  schema.choice<ProxyTarget>("upstream.proxy_target", &config->upstream.proxy_target, "name",
                             {{"name", ProxyTarget::name}, {"address", ProxyTarget::address}},
                             "What upstream.proxy is asked for: the host name where the client "
                             "gave one, or always the address that the client had resolved.");
  schema.choice<LanguageServerMode>(
      "language_server.mode", &config->language_server_mode, "managed",
      {{"managed", LanguageServerMode::managed}, {"off", LanguageServerMode::off}},
      "managed: start a language server of our own; off: only capture what others start.");
  schema.text("language_server.user", &config->language_server_user, "auto",
              "User whose IDE session is used; auto: the only one that runs the IDE. While "
              "several do, auto uses none, and status asks for a name here.");
  schema.duration("language_server.quota_every", &config->quota_every, "5m", 0ms, 24h,
                  "How often the quota is looked at for its history while calls are measured, "
                  "once more after the last of them, and not without any; 0s: only when somebody "
                  "asks.");
  schema.integer<std::uint16_t>(
      "language_server.attach_port", &config->attached_ls.port, 0, 0, 65'535,
      "HTTPS port on 127.0.0.1 of a language server that is driven although somebody else started "
      "it; 0: none. This and the two below are only used without systemd's sockets.");
  schema.path("language_server.attach_token_file", &config->attached_ls.token_file,
              "File with the token of that language server.");
  schema.path("language_server.attach_certificate_file", &config->attached_ls.certificate_file,
              "Certificate that it has to show, as PEM.");
  schema.integer<std::uint32_t>("ledger.raw_days", &config->ledger.raw_days, 90, 1, 36'500,
                                "Age in days at which single records are deleted; their sums "
                                "stay, by quarter-hour.");
  schema.integer<std::uint32_t>("ledger.hourly_days", &config->ledger.hourly_days, 400, 1, 36'500,
                                "Age in days at which sums by quarter-hour become sums by UTC "
                                "day; not before their records are gone.");
  schema.size("ledger.max_bytes", &config->ledger.max_bytes, "1GiB", 1ULL << 20U, 1ULL << 40U,
              "Size of the ledger near which the oldest single records are deleted before their "
              "age; their sums stay.");
  schema.objects<RawPrice>("cost.prices", &raw->prices, describe_price,
                           "Prices of your own; where one holds, it takes the place of the list "
                           "price.");
  schema.objects<RawAlias>("cost.aliases", &raw->aliases, describe_alias,
                           "Models that have the price of another one.");
  schema.path("api.keys_file", &config->api_keys_file,
              "File with keys for callers of the API whom the kernel cannot name, such as those in "
              "containers; see API KEYS in antigravity-proxyd(8).");
  schema.choice<GenAiSemconv>(
      "telemetry.genai_semconv", &config->telemetry.genai_semconv, "latest",
      {{"latest", GenAiSemconv::latest},
       {"v1.41", GenAiSemconv::v1_41},
       {"both", GenAiSemconv::both}},
      "Names of OpenTelemetry's GenAI conventions that /metrics has: the latest ones, those of "
      "version 1.41, or both.");
  schema.texts("telemetry.scrape_users", &config->telemetry.scrape_users, {},
               "Users who see in /metrics what all users together have used, such as prometheus; "
               "they see no more of others than that. Root and the group antigravity-proxy see it "
               "anyway.");
  auto& otlp = config->telemetry.otlp;
  schema.http_url("telemetry.otlp.endpoint", &otlp.endpoint,
                  "Receiver that metrics are sent to as OTLP over HTTP (protobuf), as in "
                  "http://127.0.0.1:4318/v1/metrics; https:// for another machine. They tell what "
                  "all users together have used. Without it nothing is sent anywhere.");
  schema.path("telemetry.otlp.headers_file", &otlp.headers_file,
              "File with header fields for that receiver, such as its credentials: lines of "
              "NAME: VALUE; readable for the account antigravity-proxy and nobody else.");
  schema.duration("telemetry.otlp.interval", &otlp.interval, "1m", 1s, 1h,
                  "How often metrics are sent.");
  schema.size("telemetry.otlp.queue_bytes", &otlp.queue_bytes, "4MiB", 64ULL << 10U, 1ULL << 30U,
              "Room in the state directory for what could not be sent; then the oldest is given "
              "up.");
  schema.boolean("telemetry.otlp.host_name", &otlp.tells_host_name, true,
                 "Whether the receiver is told the name of this machine (host.name).");
  schema.endpoints("listen.intercept", &config->listen.intercept, {},
                   "Addresses for redirected connections; only used without systemd's sockets.");
  schema.endpoints("listen.api", &config->listen.api, {},
                   "Addresses of the HTTP API; only used without systemd's sockets.");
  schema.endpoints("listen.connect", &config->listen.connect, {},
                   "Addresses for HTTP CONNECT; only used without systemd's sockets.");
  schema.duration("limits.handshake_timeout", &config->limits.handshake_timeout, "10s", 100ms,
                  10min, "How long a client or upstream may take for its TLS handshake.");
  schema.duration("limits.connect_timeout", &config->limits.connect_timeout, "10s", 100ms, 10min,
                  "How long one attempt to reach upstream may take.");
  schema.duration("limits.read_idle_timeout", &config->limits.read_idle_timeout, "300s", 1s, 24h,
                  "How long a connection may carry nothing in either direction.");
  schema.duration("limits.write_idle_timeout", &config->limits.write_idle_timeout, "300s", 1s, 24h,
                  "How long a peer may take nothing of what waits for it.");
  schema.integer<std::uint32_t>("limits.max_connections", &config->limits.max_connections, 10'000,
                                1, 100'000,
                                "Intercepted connections at one time; more wait in the backlog.");
  schema.size("limits.max_buffered_bytes", &config->limits.max_buffered_bytes, "64MiB", 1ULL << 20U,
              16ULL << 30U,
              "What may wait for slow receivers in all connections together before reads become "
              "small and connections that hold something are not read at all.");
  schema.duration("limits.drain_timeout", &config->limits.drain_timeout, "30s", 0ms, 10min,
                  "How long live streams may go on after a stop or restart was asked for; idle "
                  "connections end at once.");
  schema.choice<log::Level>("log.level", &config->log_level, "info",
                            {{"err", log::Level::err},
                             {"warning", log::Level::warning},
                             {"notice", log::Level::notice},
                             {"info", log::Level::info},
                             {"debug", log::Level::debug}},
                            "The most talkative level that is written.");
  schema.integer<std::uint32_t>("workers", &config->workers, 0, 0, 256,
                                "Worker threads; 0: one for each core, at most 64.");
  return schema;
}

std::string beside(const std::string& file, const char* name) {
  const auto slash = file.rfind('/');
  return (slash == std::string::npos ? std::string() : file.substr(0, slash + 1)) + name;
}

// Every scalar by its key; a list counts as one value, and the later file wins.
void flatten(const config::Node& node,
             const std::string& key,
             std::map<std::string, std::string>& out) {
  switch (node.kind) {
    case config::Node::Kind::empty:
      break;
    case config::Node::Kind::scalar:
      out[key] = node.scalar;
      break;
    case config::Node::Kind::list: {
      std::string text;
      for (const auto& item : node.items) {
        text += item.scalar + '\n';
        for (const auto& member : item.members) {
          text += member.key + ": " + member.value.scalar + '\n';
        }
      }
      out[key] = std::move(text);
      break;
    }
    case config::Node::Kind::map:
      for (const auto& member : node.members) {
        flatten(member.value, key.empty() ? member.key : key + '.' + member.key, out);
      }
      break;
  }
}

void check_inspect(const Config& config,
                   const Schema& schema,
                   const std::string& file,
                   Faults& faults) {
  for (std::size_t i = 0; i < config.inspect.size(); ++i) {
    if (!can_be_inspected(config.inspect[i])) {
      faults.list.push_back(
          schema.fault("capture.inspect[" + std::to_string(i) + ']', kTooWide, file));
    }
  }
}

}  // namespace

config::Checked<Config> load(const Files& files) {
  Config config;
  RawLists raw;
  auto schema = proxy_schema(&config, &raw);
  auto documents = config::read_files(files.proxy_file, files.missing_proxy);
  for (const auto& document : documents.list) {
    flatten(document.root, {}, config.written);
  }
  Faults faults = schema.load(std::move(documents));
  // The combinations are judged only where every value by itself is good.
  if (faults.empty()) {
    check_inspect(config, schema, files.proxy_file, faults);
  }
  std::vector<InspectedHost> inspected;
  for (std::size_t i = 0; i < config.inspect.size() && faults.empty(); ++i) {
    const auto at = schema.position("capture.inspect[" + std::to_string(i) + ']');
    inspected.push_back(
        {config.inspect[i], at ? where_text(*at, files.proxy_file) : policy::kBuiltIn});
  }
  PolicyFiles policy_files;
  policy_files.policy_file = files.policy_file.value_or(beside(files.proxy_file, "policy.yaml"));
  policy_files.missing_policy =
      files.policy_file ? config::Missing::is_fault : config::Missing::is_empty;
  policy_files.corp_file = beside(policy_files.policy_file, "corp.yaml");
  policy_files.corp_owner = files.corp_owner;
  auto policy = load_policy(faults.empty() ? &inspected : nullptr, policy_files);
  if (!policy) {
    faults.append(policy.error());
  }
  if (!faults.empty()) {
    return faults;
  }
  config.policy = std::make_shared<const policy::Policy>(std::move(policy->parts));
  config.locked = std::move(policy->locked);
  config.warnings = std::move(policy->warnings);
  check_capture_endpoints(&config, raw.reverse, schema, files.proxy_file, faults);
  check_cost_prices(&config, raw.prices, raw.aliases, schema, files.proxy_file, faults);
  if (!faults.empty()) {
    return faults;
  }
  return config;
}

std::vector<std::string> changed_until_restart(const Config& running, const Config& loaded) {
  auto keys = running.written;
  keys.insert(loaded.written.begin(), loaded.written.end());
  const auto value = [](const Config& config, const std::string& key) {
    const auto found = config.written.find(key);
    return found == config.written.end() ? std::nullopt : std::optional(found->second);
  };
  std::vector<std::string> changed;
  for (const auto& [key, text] : keys) {
    if (key != "capture.inspect" && value(running, key) != value(loaded, key)) {
      changed.push_back(key);
    }
  }
  return changed;
}

std::vector<config::Row> proxy_rows() {
  Config config;
  RawLists raw;
  return proxy_schema(&config, &raw).rows();
}

std::vector<config::Row> policy_rows() {
  return rows_of_policy();
}

std::vector<config::Row> corp_rows() {
  return rows_of_corp();
}

}  // namespace agp::daemon_config
