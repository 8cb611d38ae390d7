#include "daemon/api/status.h"

#include "daemon/api/times.h"
#include "daemon/api/utf8.h"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace agp::api {
namespace {

namespace json = boost::json;

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::value time_or_null(const std::optional<usage::Micros>& value) {
  return value ? json::value(to_rfc3339(*value)) : json::value(nullptr);
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object ledger_value(const StatusReport& report) {
  json::object out;
  out["records"] = nullptr;
  out["last_record_at"] = nullptr;
  if (report.ledger_summary) {
    out["records"] = report.ledger_summary->records;
    out["last_record_at"] = time_or_null(report.ledger_summary->last_started_at);
  }
  const auto& health = report.ledger_health;
  out["health"] = health.problem ? "failing" : "ok";
  out["written"] = health.written;
  out["waiting"] = health.waiting;
  out["lost"] = health.lost;
  out["aged"] = health.aged;
  out["evicted"] = health.evicted;
  out["lost_ever"] = health.lost_ever;
  out["protected"] = !health.unprotected;
  return out;
}

json::array strings(const std::vector<std::string>& values) {
  json::array out;
  for (const auto& value : values) {
    out.emplace_back(value);
  }
  return out;
}

json::value policy_value(const StatusReport& report) {
  if (!report.policy) {
    return nullptr;
  }
  const auto& policy = *report.policy;
  return json::object{{"generation", policy.generation},
                      {"loaded_at", policy.loaded_at},
                      {"faults", strings(policy.faults)},
                      {"warnings", strings(policy.warnings)},
                      {"waiting_for_restart", strings(policy.waiting_for_restart)},
                      {"rewritten_hosts", strings(policy.rewritten)},
                      {"request_rules_hosts", strings(policy.request_rules)}};
}

json::object capture_value(const StatusReport& report) {
  return {{"mode", report.capture_mode},
          {"active", report.capture_active},
          {"switched_off", report.capture_released}};
}

json::object redirect_value(const StatusReport& report) {
  return {{"ipv4", or_null(report.redirect_v4)},
          {"ipv6", or_null(report.redirect_v6)},
          {"backend", text_or_null(report.firewall_backend)},
          {"backend_reason", text_or_null(report.firewall_reason)},
          {"egress", text_or_null(report.egress)},
          {"egress_guard", text_or_null(report.egress_guard)},
          {"repairs", report.redirect_repairs},
          {"last_repair_at", time_or_null(report.redirect_repaired_at)},
          {"last_lost", strings(report.redirect_lost)}};
}

json::object server_value(const LanguageServerStatus& server) {
  json::value exit = nullptr;
  if (server.last_exit) {
    exit = json::object{{"result", server.last_exit->result},
                        {"status", server.last_exit->status},
                        {"at", to_rfc3339(server.last_exit->at)}};
  }
  return {{"mode", server.mode},
          {"state", server.state},
          {"usable", server.is_usable},
          {"waits_for", or_null(server.waits_for)},
          {"instance", or_null(server.instance)},
          {"user", or_null(server.user)},
          {"stopped_on_request", server.is_held},
          {"crashes", server.crashes},
          {"last_exit", std::move(exit)},
          {"log", strings(server.log)}};
}

json::object api_value(const FailedCallers::Counts& failed) {
  return {{"failed_callers", json::object{{"unidentified", failed.unidentified},
                                          {"unknown_key", failed.unknown_key},
                                          {"refused", failed.refused},
                                          {"limited", failed.limited}}}};
}

json::array problems_value(const std::vector<Problem>& problems) {
  json::array out;
  for (const auto& problem : problems) {
    const bool waits = problem.severity == Problem::Severity::waiting;
    out.push_back(json::object{{"code", problem.code},
                               {"message", problem.message},
                               {"remedy", problem.remedy},
                               {"severity", waits ? "waiting" : "failing"}});
  }
  return out;
}

}  // namespace

void judge(StatusReport& report) {
  const auto& health = report.ledger_health;
  if (health.problem) {
    report.problems.push_back({"ledger_failing", health.problem->text(), health.remedy});
  }
  if (health.lost > 0) {
    report.problems.push_back({"records_lost",
                               std::to_string(health.lost) + " usage records were lost",
                               "see the journal of antigravity-proxy.service for the reason"});
  }
  if (health.unprotected) {
    report.problems.push_back({"records_unprotected",
                               "records that wait for the ledger would not survive a crash: " +
                                   health.unprotected->text(),
                               "free 16 MiB in the state directory and check its file system"});
  }
  if (report.policy && !report.policy->faults.empty()) {
    const auto more = report.policy->faults.size() - 1;
    report.problems.push_back(
        {"policy_faulty",
         "The changed policy was refused and the old one stays: " + report.policy->faults.front() +
             (more == 0 ? "" : " (and " + std::to_string(more) + " more)"),
         "correct it, then: antigravity-proxy policy reload"});
  }
  report.state = StatusReport::State::ok;
  for (const auto& problem : report.problems) {
    if (problem.severity == Problem::Severity::failing) {
      report.state = StatusReport::State::degraded;
      return;
    }
    report.state = StatusReport::State::waiting;
  }
}

std::string status_line(const StatusReport& report) {
  constexpr std::size_t kMostOctets = 280;
  std::string line = report.capture_active ? "capturing" : "not capturing";
  // The state is that of the worst problem.
  const auto decides = report.state == StatusReport::State::degraded ? Problem::Severity::failing
                                                                     : Problem::Severity::waiting;
  const auto problem = std::find_if(report.problems.begin(), report.problems.end(),
                                    [&](const Problem& each) { return each.severity == decides; });
  if (problem != report.problems.end()) {
    line += "; " + problem->message + ": " + problem->remedy;
  } else if (report.language_server.is_usable) {
    line += "; the language server runs";
  } else if (report.language_server.mode == "managed") {
    line += "; the language server: " + report.language_server.state;
  }
  // A line break would end the assignment in the message to the service manager.
  std::replace_if(
      line.begin(), line.end(),
      [](char each) { return (each >= 0 && each < ' ') || each == '\x7f'; }, ' ');
  if (line.size() > kMostOctets) {
    line.resize(kMostOctets);
    line += "... (antigravity-proxy status)";
  }
  return utf8(line);
}

const char* to_string(StatusReport::State state) {
  switch (state) {
    case StatusReport::State::ok:
      return "ok";
    case StatusReport::State::waiting:
      return "waiting";
    case StatusReport::State::degraded:
      return "degraded";
  }
  return "";
}

StatusReport without_log(StatusReport report) {
  report.language_server.log.clear();
  return report;
}

std::string render_status(const StatusReport& report, usage::Micros now) {
  json::object out;
  out["schema"] = "antigravity-proxy.status.v1";
  out["generated_at"] = to_rfc3339(now);
  out["state"] = to_string(report.state);
  out["version"] = report.version;
  out["started_at"] = time_or_null(report.started_at);
  out["capture"] = capture_value(report);
  out["helper"] = json::object{{"reachable", or_null(report.helper_reachable)},
                               {"limits_enforced", or_null(report.limits_enforced)}};
  out["redirect"] = redirect_value(report);
  out["ca"] =
      json::object{{"not_after", time_or_null(report.ca_not_after)}, {"file", report.ca_file}};
  out["ledger"] = ledger_value(report);
  out["prices"] = json::object{{"version", report.price_version}, {"date", report.price_date}};
  out["language_server"] = server_value(report.language_server);
  out["sockets"] = json::object{{"api", strings(report.sockets.api)},
                                {"intercept", strings(report.sockets.intercept)},
                                {"connect", strings(report.sockets.connect)},
                                {"reverse", strings(report.sockets.reverse)}};
  out["api"] = api_value(report.failed_callers);
  out["interception"] = report.interception ? json::value(interception_value(*report.interception))
                                            : json::value(nullptr);
  out["metrics_export"] = report.metrics_export ? json::value(export_value(*report.metrics_export))
                                                : json::value(nullptr);
  out["policy"] = policy_value(report);
  out["problems"] = problems_value(report.problems);
  return json::serialize(out) + "\n";
}

std::string render_capture(const StatusReport& report, usage::Micros now) {
  json::object out;
  out["schema"] = "antigravity-proxy.capture.v1";
  out["generated_at"] = to_rfc3339(now);
  out["capture"] = capture_value(report);
  out["redirect"] = redirect_value(report);
  std::vector<Problem> problems;
  for (const auto& problem : report.problems) {
    if (problem.code == "capture-off" || problem.code == "helper") {
      problems.push_back(problem);
    }
  }
  out["problems"] = problems_value(problems);
  return json::serialize(out) + "\n";
}

std::string render_language_server(const StatusReport& report, usage::Micros now) {
  json::object out;
  out["schema"] = "antigravity-proxy.language-server.v1";
  out["generated_at"] = to_rfc3339(now);
  out["capture_active"] = report.capture_active;
  out["language_server"] = server_value(report.language_server);
  std::vector<Problem> problems;
  for (const auto& problem : report.problems) {
    // What the life cycle says: its words have dashes. Without capture no language server starts.
    if (problem.code.starts_with("language-server") || problem.code == "ide" ||
        problem.code == "helper" || problem.code == "process-scan" ||
        problem.code == "capture-off") {
      problems.push_back(problem);
    }
  }
  out["problems"] = problems_value(problems);
  return json::serialize(out) + "\n";
}

}  // namespace agp::api
