#include "daemon/app/status_report.h"

#include "daemon/app/names.h"
#include "daemon/control/lifecycle.h"

#include <string_view>
#include <utility>

namespace agp::app {
namespace {

usage::Micros to_micros(std::chrono::system_clock::time_point at) {
  return std::chrono::time_point_cast<std::chrono::microseconds>(at);
}

void add_language_server(const ls::Supervisor& supervisor, api::LanguageServerStatus& status) {
  const auto& lifecycle = supervisor.lifecycle();
  const auto endpoint = supervisor.endpoint();
  status.is_usable = endpoint != nullptr;
  if (endpoint) {
    status.state = "running";
    status.instance = endpoint->instance;
  } else {
    status.state =
        lifecycle.is_crash_loop() ? "crash-loop" : control::to_string(supervisor.phase());
  }
  if (!supervisor.session_user().empty()) {
    status.user = supervisor.session_user();
  }
  status.is_held = lifecycle.is_held();
  status.is_settled = supervisor.is_settled();
  status.crashes = lifecycle.crashes();
  if (const auto& exit = supervisor.last_exit()) {
    status.last_exit =
        api::LanguageServerStatus::Exit{exit->result, exit->status, to_micros(exit->at)};
  }
  status.log = supervisor.last_log_lines();
}

// "waits_for" is what comes behind these words.
std::string without_verb(const std::string& message) {
  constexpr std::string_view kVerb = "waiting for ";
  return message.starts_with(kVerb) ? message.substr(kVerb.size()) : message;
}

void add_supervision(const ls::Supervisor& supervisor, api::StatusReport& report) {
  report.capture_active = supervisor.is_capturing();
  report.capture_released = supervisor.lifecycle().is_released();
  report.capture_is_settled = supervisor.is_capture_settled();
  add_language_server(supervisor, report.language_server);
  for (const auto& problem : supervisor.problems()) {
    const bool waits = problem.severity == control::Severity::waiting;
    if (waits && !supervisor.lifecycle().is_held() && !supervisor.lifecycle().is_released()) {
      report.language_server.waits_for = without_verb(problem.message);
    }
    report.problems.push_back(
        {problem.code, problem.message, problem.remedy,
         waits ? api::Problem::Severity::waiting : api::Problem::Severity::failing});
  }
}

void add_export_problems(const api::ExportStatus& from,
                         const std::string& state_dir,
                         api::StatusReport& report) {
  if (from.problem) {
    report.problems.push_back(
        {"metrics_not_exported", "Metrics do not reach their receiver: " + *from.problem,
         "see that it runs and takes OTLP where telemetry.otlp.endpoint says, with a certificate "
         "that verifies (upstream.extra_ca_file), or take the setting out; what is not sent waits "
         "within telemetry.otlp.queue_bytes"});
  }
  if (from.keep_problem) {
    report.problems.push_back(
        {"metrics_not_kept", "Metrics that cannot be sent are not kept: " + *from.keep_problem,
         "free disk space (df -h " + state_dir + ") and see that the service may write " +
             state_dir + "/otlp; what is not kept is missing as points in time, not as counts"});
  }
}

void add_own_problems(const StatusSources& from, usage::Micros now, api::StatusReport& report) {
  if (!from.authority_renewed_because.empty()) {
    report.problems.push_back(
        {"ca_renewed", "The certificate authority was made anew: " + from.authority_renewed_because,
         "Restart programs that run as antigravity-ls and were started before; they trust the old "
         "one"});
  }
  if (now >= to_micros(from.authority->renew_at())) {
    report.problems.push_back({"ca_expiring",
                               "The certificate authority is past two thirds of its life",
                               "antigravity-proxy ca rotate"});
  }
  if (from.keys_fault) {
    report.problems.push_back(
        {"api_keys_faulty", "No API key is accepted: " + from.keys_fault->text(),
         "correct the file that api.keys_file names, or take the setting out"});
  }
  if (from.metrics_export) {
    add_export_problems(*from.metrics_export, from.state_dir, report);
  }
  if (!from.bus_problem.empty()) {
    report.problems.push_back(
        {"bus_lost", from.bus_problem, "systemctl restart antigravity-proxy"});
  }
}

std::vector<api::InterceptionStatus::Host> hosts(const std::vector<io::Tally::Host>& from) {
  std::vector<api::InterceptionStatus::Host> out;
  for (const auto& host : from) {
    out.push_back({host.host, host.count, host.last_at, host.detail, {}});
  }
  return out;
}

void add_remedies(api::InterceptionStatus& status, const StatusSources& from) {
  const std::string bundle = from.is_service ? kTrustBundle : from.state_dir + "/ca/ca.pem";
  for (auto& host : status.refused_by_client) {
    host.remedy = "make the program trust " + bundle +
                  " (SSL_CERT_FILE, NODE_EXTRA_CA_CERTS, REQUESTS_CA_BUNDLE), or give " +
                  host.host + " the action tunnel in policy.yaml";
  }
  for (auto& host : status.refused_by_upstream) {
    host.remedy =
        "the certificate of " + host.host +
        " does not verify; if it was issued by an authority of your own, name its file in "
        "upstream.extra_ca_file";
  }
}

}  // namespace

api::InterceptionStatus interception_status(const io::Counters& counters,
                                            const io::Tally::Snapshot& tally) {
  api::InterceptionStatus status;
  status.open = counters.open;
  status.calls_under_way = counters.open_calls;
  status.accepted = counters.accepted;
  status.intercepted = counters.intercepted;
  status.intercepted_by_protocol = tally.intercepted_by_protocol;
  status.tunnelled = counters.tunnelled;
  status.tunnelled_by_reason = tally.tunnelled_by_reason;
  status.unnamed_by_reason = {{"no_sni", counters.no_sni},
                              {"ech", counters.ech},
                              {"ip_literal", counters.ip_literal},
                              {"not_tls", counters.not_tls},
                              {"malformed", counters.malformed_hello}};
  status.blocked = counters.blocked;
  status.unparsed = counters.unparsed;
  status.requests_blocked = counters.requests_blocked;
  status.requests_refused = counters.requests_refused;
  status.requests_rewritten = counters.requests_rewritten;
  status.replies_refused = counters.replies_refused;
  status.refused_destination = counters.refused_destination;
  status.upstream_unreachable = counters.upstream_unreachable;
  status.proxy_failed = counters.proxy_failed;
  status.upstream_refused = counters.upstream_refused;
  status.client_refused = counters.client_refused;
  status.client_failed = counters.client_failed;
  status.no_common_protocol = counters.no_common_protocol;
  status.stream_broken = counters.stream_broken;
  status.timed_out = counters.timed_out;
  status.bytes_to_client = counters.bytes_to_client;
  status.bytes_to_upstream = counters.bytes_to_upstream;
  status.bytes_spliced = counters.bytes_spliced;
  status.buffered_bytes = counters.buffered_bytes;
  status.is_accept_paused = counters.is_accept_paused;
  status.paused_for_connections = counters.paused_for_connections;
  status.paused_for_descriptors = counters.paused_for_descriptors;
  status.refused_by_client = hosts(tally.refused_by_client);
  status.refused_by_upstream = hosts(tally.refused_by_upstream);
  return status;
}

void add_room_problem(api::StatusReport& report) {
  if (report.interception && report.interception->is_accept_paused) {
    report.problems.push_back(
        {"accept_paused", "There is no room for more connections; new ones wait in the backlog",
         "raise limits.max_connections in /etc/antigravity-proxy/proxy.yaml or LimitNOFILE= of "
         "antigravity-proxy.service, whichever the journal names"});
  }
}

api::StatusReport assemble_status(const StatusSources& from, usage::Micros now) {
  using daemon_config::CaptureMode;
  using daemon_config::LanguageServerMode;
  api::StatusReport report;
  report.version = AGP_VERSION;
  report.started_at = from.started_at;
  report.capture_mode =
      from.config->capture_mode == CaptureMode::service && from.is_service ? "service" : "off";
  report.ca_not_after = to_micros(from.authority->not_after());
  report.ca_file = from.state_dir + "/ca/ca.pem";
  report.ledger_summary = from.summary;
  report.ledger_health = from.ledger->health();
  report.price_version = from.price_version;
  report.price_date = from.price_date;
  report.sockets = from.sockets;
  report.failed_callers = from.failed_callers;
  report.policy = from.policy;
  report.language_server.mode =
      from.config->language_server_mode == LanguageServerMode::managed && from.is_service
          ? "managed"
          : "off";
  report.language_server.state = "stopped";
  if (from.helper != nullptr) {
    report.helper_reachable = from.helper->is_reachable();
    report.redirect_v4 = report.redirect_v6 = from.helper->is_redirected();
    const auto& around = from.helper->surroundings();
    report.egress = around.egress;
    report.egress_guard = around.egress_guard;
    report.firewall_backend = around.firewall_backend;
    report.firewall_reason = around.firewall_reason;
    if (around.limits == "enforced" || around.limits == "not_enforced") {
      report.limits_enforced = around.limits == "enforced";
    }
    const auto& repairs = from.helper->repairs();
    report.redirect_repairs = repairs.count;
    if (repairs.last_at) {
      report.redirect_repaired_at = to_micros(*repairs.last_at);
    }
    report.redirect_lost = repairs.last_lost;
  }
  if (from.supervisor != nullptr) {
    add_supervision(*from.supervisor, report);
  }
  if (from.interception != nullptr) {
    report.interception =
        interception_status(from.interception->counters(), from.tally->snapshot());
    report.interception->max_buffered_bytes = from.config->limits.max_buffered_bytes;
    report.interception->max_connections = from.config->limits.max_connections;
    add_remedies(*report.interception, from);
  }
  report.metrics_export = from.metrics_export;
  add_own_problems(from, now, report);
  add_room_problem(report);
  api::judge(report);
  return report;
}

}  // namespace agp::app
