#include "daemon/config/config.h"

#include "config_folder.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace agp::daemon_config {
namespace {

using namespace std::chrono_literals;
using policy::Action;

using DaemonConfig = ConfigFolder;

TEST_F(DaemonConfig, WithoutFilesEverythingHasItsDefault) {
  const auto config = read();
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->capture_mode, CaptureMode::service);
  EXPECT_EQ(config->language_server_mode, LanguageServerMode::managed);
  EXPECT_EQ(config->language_server_user, "auto");
  EXPECT_EQ(config->limits.handshake_timeout, 10s);
  EXPECT_EQ(config->limits.connect_timeout, 10s);
  EXPECT_EQ(config->limits.read_idle_timeout, 300s);
  EXPECT_EQ(config->limits.max_connections, 10'000U);
  EXPECT_EQ(config->workers, 0U);
  EXPECT_FALSE(config->upstream.extra_ca_file);
  EXPECT_TRUE(config->upstream.allow_networks.empty());
  EXPECT_FALSE(config->upstream.proxy);
}

TEST_F(DaemonConfig, ModelHostsAreInspectedAndNothingElse) {
  const auto config = read();
  ASSERT_TRUE(config);
  for (const auto* host :
       {"cloudcode-pa.googleapis.com", "daily-cloudcode-pa.googleapis.com",
        "autopush-cloudcode-pa.googleapis.com", "cloudcode-pa.sandbox.googleapis.com",
        "daily-cloudcode-pa.sandbox.googleapis.com", "autopush-cloudcode-pa.sandbox.googleapis.com",
        "generativelanguage.googleapis.com", "aiplatform.googleapis.com",
        "europe-west1-aiplatform.googleapis.com", "api.anthropic.com", "api.openai.com"}) {
    EXPECT_EQ(config->policy->decide(host).action, Action::inspect) << host;
  }
  for (const auto* host : {"oauth2.googleapis.com", "accounts.google.com", "www.googleapis.com",
                           "play.googleapis.com", "auth.openai.com", "statsig.anthropic.com"}) {
    EXPECT_EQ(config->policy->decide(host).action, Action::tunnel) << host;
  }
}

TEST_F(DaemonConfig, ReadsEveryKey) {
  write("proxy.yaml", R"(
capture:
  mode: "off"
  inspect: [llm.example]
upstream:
  extra_ca_file: /etc/ssl/corp.pem
  allow_networks: [10.0.0.0/8]
  proxy: socks5://127.0.0.1:1080
language_server: {mode: "off", user: alice}
ledger: {raw_days: 30, hourly_days: 60, max_bytes: 512MiB}
listen:
  intercept: ["127.0.0.1:0"]
  api: ["[::1]:8741"]
  connect: ["127.0.0.1:3128"]
limits:
  handshake_timeout: 5s
  connect_timeout: 6s
  read_idle_timeout: 7s
  write_idle_timeout: 8s
  max_connections: 9
log: {level: debug}
workers: 2
)");
  const auto config = read();
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->capture_mode, CaptureMode::off);
  EXPECT_EQ(config->policy->decide("llm.example").action, Action::inspect);
  EXPECT_EQ(config->policy->decide("api.openai.com").action, Action::tunnel);
  EXPECT_EQ(config->upstream.extra_ca_file, "/etc/ssl/corp.pem");
  EXPECT_EQ(config->upstream.allow_networks.at(0).text(), "10.0.0.0/8");
  EXPECT_EQ(config->upstream.proxy->port, 1080);
  EXPECT_EQ(config->language_server_mode, LanguageServerMode::off);
  EXPECT_EQ(config->language_server_user, "alice");
  EXPECT_EQ(config->ledger.raw_days, 30U);
  EXPECT_EQ(config->ledger.hourly_days, 60U);
  EXPECT_EQ(config->ledger.max_bytes, 512ULL << 20U);
  EXPECT_EQ(config->listen.intercept.at(0).port, 0);
  EXPECT_EQ(config->listen.api.at(0).address, "::1");
  EXPECT_EQ(config->listen.connect.at(0).text(), "127.0.0.1:3128");
  EXPECT_EQ(config->limits.handshake_timeout, 5s);
  EXPECT_EQ(config->limits.connect_timeout, 6s);
  EXPECT_EQ(config->limits.read_idle_timeout, 7s);
  EXPECT_EQ(config->limits.write_idle_timeout, 8s);
  EXPECT_EQ(config->limits.max_connections, 9U);
  EXPECT_EQ(config->log_level, log::Level::debug);
  EXPECT_EQ(config->workers, 2U);
}

TEST_F(DaemonConfig, PolicyGoesOverTheInspectList) {
  write("policy.yaml", R"(
default: block
hosts:
  - {match: api.openai.com, action: tunnel}
  - {match: "*.corp.example", action: inspect}
)");
  const auto config = read();
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->policy->decide("api.openai.com").action, Action::tunnel);
  EXPECT_EQ(config->policy->decide("llm.corp.example").action, Action::inspect);
  EXPECT_EQ(config->policy->decide("api.anthropic.com").action, Action::inspect);
  EXPECT_EQ(config->policy->decide("accounts.google.com").action, Action::block);
}

TEST_F(DaemonConfig, ReportsTheFaultsOfAllFilesAtOnce) {
  write("proxy.yaml", "capture: {mode: maybe}\nlimits: {connect_timeout: 0s}\n");
  write("proxy.yaml.d/10-site.yaml", "worker: 3\n");
  write("policy.yaml", "hosts:\n  - {match: a.example}\n  - {match: '*', action: block}\n");
  EXPECT_EQ(
      faults(),
      "proxy.yaml:1:17: capture.mode: expected one of: service, off, got \"maybe\"\n"
      "proxy.yaml:2:27: limits.connect_timeout: expected a duration from 100ms to 10m, got \"0s\"\n"
      "proxy.yaml.d/10-site.yaml:1:1: worker: unknown key; did you mean workers?\n"
      "policy.yaml:2:5: hosts[0].action: is required\n"
      "policy.yaml:3:13: hosts[1].match: expected a host name or a pattern such as *.example.com, "
      "got \"*\"\n");
}

TEST_F(DaemonConfig, RefusesToInspectByDefaultOrTooWide) {
  write("proxy.yaml", "capture:\n  inspect: [a.example, \"*.com\"]\n");
  write("policy.yaml", "default: inspect\nhosts:\n  - {match: autopush-*, action: inspect}\n");
  EXPECT_EQ(faults(),
            "proxy.yaml:2:24: capture.inspect[1]: too wide to inspect; name at least two labels "
            "after the "
            "star, as in *.example.com\n"
            "policy.yaml:1:10: default: cannot be inspect: certificates are made for listed hosts "
            "only; list "
            "them under hosts\n"
            "policy.yaml:3:13: hosts[0].match: too wide to inspect; name at least two labels after "
            "the star, "
            "as in *.example.com\n");
}

TEST_F(DaemonConfig, WidePatternsMayBeBlockedOrTunnelled) {
  write("policy.yaml",
        "hosts:\n  - {match: \"*.internal\", action: block}\n  - {match: autopush-*, action: "
        "tunnel}\n");
  const auto config = read();
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->policy->decide("a.internal").action, Action::block);
}

TEST_F(DaemonConfig, ANamedFileMustBeThere) {
  Files files;
  files.proxy_file = directory_ / "proxy.yaml";
  files.missing_proxy = config::Missing::is_fault;
  ASSERT_FALSE(load(files));
  files.missing_proxy = config::Missing::is_empty;
  files.policy_file = directory_ / "policy.yaml";
  ASSERT_FALSE(load(files));
}

TEST_F(DaemonConfig, CredentialsInAProxyUrlAreRefusedAndNotShown) {
  write("proxy.yaml", "upstream: {proxy: \"http://user:hunter2@proxy.example:3128\"}\n");
  const auto text = faults();
  EXPECT_NE(text.find("upstream.proxy"), std::string::npos);
  EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
}

TEST_F(DaemonConfig, EveryKeyIsDescribed) {
  auto rows = proxy_rows();
  const auto more = corp_rows();
  rows.insert(rows.end(), more.begin(), more.end());
  EXPECT_GE(rows.size(), 40U);
  for (const auto& row : rows) {
    EXPECT_TRUE(row.about.ends_with('.')) << row.key;
    EXPECT_FALSE(row.type.empty()) << row.key;
  }
}

// threat-model 59
TEST_F(DaemonConfig, NoKeyTurnsTheVerificationOfUpstreamOff) {
  for (const auto* key :
       {"insecure", "verify", "skip_verify", "tls_verify", "allow_invalid", "min_tls"}) {
    write("proxy.yaml", "upstream: {" + std::string(key) + ": true}\n");
    EXPECT_NE(faults().find("unknown key"), std::string::npos) << key;
  }
  // A key that sounds like it needs a look by whoever adds it. These say whom to trust besides, how
  // often the rules are looked at, and what a language server on loopback shows.
  const std::set<std::string> harmless{"upstream.extra_ca_file", "capture.verify_every",
                                       "language_server.attach_certificate_file"};
  auto rows = proxy_rows();
  for (const auto& more : {policy_rows(), corp_rows()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  for (const auto& row : rows) {
    for (const auto* word : {"insecure", "verif", "trust", "_ca", "cert", "unsafe", "cipher"}) {
      EXPECT_TRUE(row.key.find(word) == std::string::npos || harmless.contains(row.key)) << row.key;
    }
  }
}

TEST_F(DaemonConfig, TellsWhatTakesEffectAtRestartOnly) {
  write("proxy.yaml", "capture: {inspect: [a.example]}\nlimits: {connect_timeout: 5s}\n");
  const auto running = read();
  write("proxy.yaml", "capture: {inspect: [b.example]}\nlog: {level: debug}\n");
  const auto loaded = read();
  ASSERT_TRUE(running && loaded);
  EXPECT_TRUE(changed_until_restart(*running, *running).empty());
  EXPECT_EQ(changed_until_restart(*running, *loaded),
            (std::vector<std::string>{"limits.connect_timeout", "log.level"}));
}

}  // namespace
}  // namespace agp::daemon_config
